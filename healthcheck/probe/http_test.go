package probe

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"

	"seesaw/internal/lb"
)

// site serves / (200), /healthz ("ok\n"), /moved (302 with a body), /empty
// (204) and nothing else, and remembers its last request.
type site struct {
	at netip.AddrPort

	mu   sync.Mutex
	last *http.Request
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.last = r
	s.mu.Unlock()
	switch r.URL.Path {
	case "/":
		io.WriteString(w, "<html></html>")
	case "/healthz":
		io.WriteString(w, "ok\n")
	case "/moved":
		w.Header().Set("Location", "/healthz")
		w.WriteHeader(http.StatusFound)
		io.WriteString(w, "elsewhere")
	case "/empty":
		w.WriteHeader(http.StatusNoContent)
	default:
		http.NotFound(w, r)
	}
}

func (s *site) request() *http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

func newSite(t *testing.T, kind lb.CheckKind, host string) *site {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	s := &site{at: l.Addr().(*net.TCPAddr).AddrPort()}
	srv := httptest.NewUnstartedServer(s)
	srv.Listener.Close()
	srv.Listener = l
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	if kind == lb.CheckHTTPS {
		srv.StartTLS()
	} else {
		srv.Start()
	}
	t.Cleanup(srv.Close)
	return s
}

func TestHTTP(t *testing.T) {
	tests := []struct {
		method, send, receive string
		code                  int
		ok                    bool
		words                 string
	}{
		{"", "", "", 0, true, "HTTP/1.1 200 OK"},
		{"GET", "/", "", 0, true, "HTTP/1.1 200 OK"},
		{"GET", "/", "", 200, true, "HTTP/1.1 200 OK"},
		{"GET", "/", "", 404, false, "answered HTTP/1.1 200 OK, want code 404"},
		{"GET", "/healthz", "", 0, true, ""},
		{"GET", "/healthz", "", 200, true, ""},
		{"GET", "/healthz", "ok\n", 200, true, "body as expected"},
		{"GET", "/healthz", "o", 200, true, "body as expected"},
		{"GET", "/healthz", "notok", 200, false, `with body "ok\n", want "notok"`},
		{"GET", "/healthz", "ok\n\n", 200, false, `with body "ok\n" and no more, want "ok\n\n"`},
		{"GET", "/healthz", "ok\n", 503, false, "want code 503"},
		{"GET", "/notfound", "", 0, false, "answered HTTP/1.1 404 Not Found, want code 200"}, // zero means 200
		{"GET", "/notfound", "", 200, false, "want code 200"},
		{"GET", "/notfound", "", 404, true, "404"},
		{"HEAD", "/healthz", "", 0, true, ""},
		{"HEAD", "/healthz", "", 200, true, ""},
		{"HEAD", "/healthz", "ok", 200, false, "no more"},
		{"HEAD", "/notfound", "", 200, false, ""},
		{"HEAD", "/notfound", "", 404, true, ""},
		{"GET", "healthz", "ok", 200, true, ""}, // no leading slash
		{"GET", "/moved", "elsewhere", 302, true, "302 Found, body as expected"},
		{"GET", "/moved", "", 0, false, "answered HTTP/1.1 302 Found, want code 200"},
		{"GET", "/empty", "", 204, true, ""},
		{"POST", "/healthz", "ok", 200, true, ""},
	}
	for _, kind := range []lb.CheckKind{lb.CheckHTTP, lb.CheckHTTPS} {
		for _, host := range loopbacks {
			s := newSite(t, kind, host)
			for _, tt := range tests {
				t.Run(fmt.Sprintf("%v/%s/%s %s %q %d", kind, host, tt.method, tt.send, tt.receive, tt.code), func(t *testing.T) {
					c := checkOf(kind, s.at)
					c.Method, c.Send, c.Receive, c.Code = tt.method, tt.send, tt.receive, tt.code
					wantResult(t, run(t, c), tt.ok, tt.words)
				})
			}
		}
	}
}

// TestHTTPRequest looks at what reaches the target.
func TestHTTPRequest(t *testing.T) {
	tests := []struct {
		name, send string
		proxy      bool
		wantURI    string
		wantHost   string // "" = the target's address and port
	}{
		{"nothing given", "", false, "/", ""},
		{"path", "/a/b?c=d", false, "/a/b?c=d", ""},
		{"no leading slash", "a/b", false, "/a/b", ""},
		{"query only", "?x=http://y", false, "/?x=http://y", ""},
		{"colon in the first segment", "a:b", false, "/a:b", ""},
		{"address of another host", "http://www.example.org/a", false, "/a", "www.example.org"},
		{"address without a path", "http://www.example.org", false, "/", "www.example.org"},
		{"address with a port", "http://www.example.org:8080/a", false, "/a", "www.example.org:8080"},
		{"the other scheme", "https://www.example.org/a", false, "/a", "www.example.org"},
		{"host without a scheme", "//www.example.org/a", false, "/a", "www.example.org"},
		{"escapes stay", "/a%2Fb%20c", false, "/a%2Fb%20c", ""},
		{"space", "/a b", false, "/a%20b", ""},
		{"query that is not escaped", "/a?b=c d\u00e9&e=%20", false, "/a?b=c%20d%C3%A9&e=%20", ""},
		{"proxy, path", "/a", true, "http://TARGET/a", ""},
		{"proxy, address", "http://www.example.org/a", true, "http://www.example.org/a", "www.example.org"},
	}
	for _, host := range loopbacks {
		s := newSite(t, lb.CheckHTTP, host)
		for _, tt := range tests {
			t.Run(host+"/"+tt.name, func(t *testing.T) {
				c := checkOf(lb.CheckHTTP, s.at)
				c.Send, c.Proxy = tt.send, tt.proxy
				run(t, c)
				got := s.request()
				if got == nil {
					t.Fatal("no request arrived at the target")
				}
				if want := strings.ReplaceAll(tt.wantURI, "TARGET", s.at.String()); got.RequestURI != want {
					t.Errorf("request for %q, want %q", got.RequestURI, want)
				}
				wantHost := tt.wantHost
				if wantHost == "" {
					wantHost = s.at.String()
				}
				if got.Host != wantHost || got.Proto != "HTTP/1.1" || !got.Close {
					t.Errorf("%s to host %q, close %v; want HTTP/1.1, %q, close", got.Proto, got.Host, got.Close, wantHost)
				}
			})
		}
	}
}

func TestHTTPCredentialsInTheURL(t *testing.T) {
	s := newSite(t, lb.CheckHTTP, "127.0.0.1")
	c := checkOf(lb.CheckHTTP, s.at)
	c.Send = "http://user:pass@www.example.org/"
	wantResult(t, run(t, c), true, "200")
	if user, pass, ok := s.request().BasicAuth(); !ok || user != "user" || pass != "pass" {
		t.Errorf("credentials %q %q %v", user, pass, ok)
	}
}

func TestHTTPBadDefinitions(t *testing.T) {
	at := closedTCP(t, "127.0.0.1")
	tests := []struct{ name, method, send, words string }{
		{"illegal method", "GE T", "/", `method "GE T"`},
		{"method with a line break", "GET\r\n", "/", "cannot be sent"},
		{"illegal escape", "GET", "/%zz", `request "/%zz" is neither a path nor a URL`},
		{"scheme without a host", "GET", "http::://", "is neither a path nor a URL"},
		{"other scheme", "GET", "ftp://h/", `scheme "ftp" is neither http nor https`},
		{"control character", "GET", "/a\nb", "is neither a path nor a URL"},
	}
	for _, tt := range tests {
		for _, kind := range []lb.CheckKind{lb.CheckHTTP, lb.CheckHTTPS} {
			t.Run(kind.String()+"/"+tt.name, func(t *testing.T) {
				c := checkOf(kind, at)
				c.Method, c.Send = tt.method, tt.send
				wantResult(t, run(t, c), false, tt.words)
			})
		}
	}
}

func TestHTTPOddServers(t *testing.T) {
	tests := []struct {
		name, answer, receive string
		ok                    bool
		words                 string
	}{
		{"silent", "", "", false, "timed out after 200ms"},
		{"half a header", "HTTP/1.1 200 OK\r\nContent-", "", false, "timed out after 200ms"},
		{"no HTTP", "SSH-2.0-OpenSSH_9.2\r\n", "", false, "malformed HTTP response"},
		{"interim response first", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok", true, "body as expected"},
		{"nothing but interim responses", strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 50), "", false, "interim"},
		{"endless header", "HTTP/1.1 200 OK\r\nA: " + strings.Repeat("x", 300<<10), "", false, "header is longer than 262144 bytes"},
		{"body never ends, nothing expected of it", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", "", true, "200 OK"},
		{"body stays away", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\no", "ok", false, "timed out after 200ms"},
		{"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n", "ok", true, ""},
		{"old HTTP", "HTTP/1.0 200 Fine\r\nContent-Length: 2\r\n\r\nok", "ok", true, "HTTP/1.0 200 Fine"},
		{"control characters", "HTTP/1.1 500 \x1b[31mred\x07\r\nContent-Length: 0\r\n\r\n", "", false, "answered HTTP/1.1 500 ?[31mred?, want"},
		{"long reason phrase", "HTTP/1.1 500 " + strings.Repeat("é", 3000) + "\r\nContent-Length: 0\r\n\r\n", "", false, "é…, want code 200"},
		{"no reason phrase", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "", true, "HTTP/1.1 200"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := checkOf(lb.CheckHTTP, says(t, "127.0.0.1", tt.answer))
			c.Receive = tt.receive
			brief(tt.words, &c)
			wantResult(t, run(t, c), tt.ok, tt.words)
		})
	}
}

func TestHTTPAndHTTPSMixedUp(t *testing.T) {
	plain, secure := newSite(t, lb.CheckHTTP, "127.0.0.1"), newSite(t, lb.CheckHTTPS, "127.0.0.1")
	wantResult(t, run(t, checkOf(lb.CheckHTTP, secure.at)), false, "answered HTTP/1.0 400 Bad Request, want code 200")
	wantResult(t, run(t, checkOf(lb.CheckHTTPS, plain.at)), false, "does the server speak TLS on this port?")
}

// TestServerName looks at which name the certificate has to have: without
// verification at the SNI, with it at the complaint.
func TestServerName(t *testing.T) {
	names := make(chan string, 1)
	lender := httptest.NewUnstartedServer(nil)
	lender.StartTLS()
	cert := lender.TLS.Certificates[0]
	lender.Close()
	at := listen(t, "127.0.0.1", func(nc net.Conn) {
		tc := tls.Server(nc, &tls.Config{
			Certificates: []tls.Certificate{cert},
			GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
				names <- h.ServerName
				return nil, nil
			},
		})
		tc.Handshake()
	})
	for send, want := range map[string]string{
		"/healthz":                        "", // an address has no SNI (RFC 6066 3)
		"https://www.example.org/":        "www.example.org",
		"https://www.example.org:444/":    "www.example.org",
		"https://[2001:db8::1]:444/a?b=c": "",
	} {
		c := checkOf(lb.CheckHTTPS, at)
		c.Send = send
		run(t, c)
		if got := <-names; got != want {
			t.Errorf("%s: SNI %q, want %q", send, got, want)
		}
	}
}

func TestVerifyNeedsAName(t *testing.T) {
	c := checkOf(lb.CheckHTTPS, netip.MustParseAddrPort("127.0.0.1:443"))
	err := explain(t.Context(), c, handshake, x509.HostnameError{Certificate: &x509.Certificate{DNSNames: []string{"other.example"}}, Host: "www.example.org"})
	for _, words := range []string{"TLS handshake with 127.0.0.1:443: x509: certificate is valid for other.example, not www.example.org", "tls_verify: false"} {
		if !strings.Contains(err.Error(), words) {
			t.Errorf("%q lacks %q", err, words)
		}
	}
}

// FuzzRequest builds requests of anything that a config may hold.
func FuzzRequest(f *testing.F) {
	for _, s := range []string{"", "/", "healthz", "http://h/p?q#f", "//h", "://", "?", "#", "%", "http://[::1", "http:///x", "*", "a:b"} {
		f.Add("GET", s)
	}
	f.Add("GE T", "/")
	f.Fuzz(func(t *testing.T, method, send string) {
		c := checkOf(lb.CheckHTTP, netip.MustParseAddrPort("192.0.2.1:80"))
		c.Method, c.Send = method, send
		req, err := newRequest(c)
		if err != nil {
			return
		}
		var b strings.Builder
		if err := req.Write(&b); err != nil {
			return
		}
		line, _, _ := strings.Cut(b.String(), "\r\n")
		fields := strings.Split(line, " ")
		if method == http.MethodConnect {
			return // its target is a host
		}
		if len(fields) != 3 || fields[2] != "HTTP/1.1" || !strings.HasPrefix(fields[1], "/") {
			t.Fatalf("request line %q of %q %q", line, method, send)
		}
		if _, err := url.ParseRequestURI(fields[1]); err != nil {
			t.Fatalf("request line %q: %v", line, err)
		}
	})
}
