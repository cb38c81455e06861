package probe

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"seesaw/internal/lb"
)

// maxHeader bounds what a server may send before the body begins.
const maxHeader = 256 << 10

// maxInterim is how many 1xx responses (RFC 9110 15.2) may precede the real one.
const maxInterim = 5

// httpProbe sends one HTTP/1.1 request, over TLS for HTTPS, and judges the
// response's code and the beginning of its body. Redirects are responses like
// any other and are not followed.
//
// The request is written to a connection of the probe's own: it reaches the
// target whatever host the URL names, and no transport keeps connections or
// goroutines when it is over.
func httpProbe(ctx context.Context, c lb.Check) Result {
	req, err := newRequest(c)
	if err != nil {
		return failed(err)
	}
	nc, err := dial(ctx, "tcp", c)
	if err != nil {
		return failed(err)
	}
	defer nc.Close()

	var rw io.ReadWriter = nc
	if c.Kind == lb.CheckHTTPS {
		tc, err := shakeHands(ctx, c, nc, serverName(c))
		if err != nil {
			return failed(err)
		}
		defer tc.Close()
		rw = tc
	}
	write := req.Write
	if c.Proxy {
		write = req.WriteProxy
	}
	if err := write(rw); err != nil {
		return failed(explain(ctx, c, sending, err))
	}
	res, err := readResponse(rw, req)
	if err != nil {
		return failed(explain(ctx, c, receiving, err))
	}
	// The body holds nothing but the connection, and closing it would read on to
	// its end, which may never come.
	return judge(ctx, c, res)
}

// newRequest builds the request that a check describes: method GET, path "/"
// and the target as host where the check says nothing else.
func newRequest(c lb.Check) (*http.Request, error) {
	u, err := requestURL(c)
	if err != nil {
		return nil, err
	}
	if u.Host == "" {
		u.Host = netip.AddrPortFrom(c.Addr.WithZone(""), c.Port).String()
	}
	method := c.Method
	if method == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequest(method, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("health check's method %q or URL %q cannot be sent: %w", c.Method, c.Send, err)
	}
	if user := u.User; user != nil {
		password, _ := user.Password()
		req.SetBasicAuth(user.Username(), password)
	}
	req.Close = true
	return req, nil
}

// requestURL reads the check's Send field: a path, with or without its leading
// slash, or a whole URL. The scheme is the check's, whatever the URL says.
func requestURL(c lb.Check) (*url.URL, error) {
	text := c.Send
	if !strings.HasPrefix(text, "/") && !strings.Contains(beforeQuery(text), "://") {
		text = "/" + text
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("health check's request %q is neither a path nor a URL: %w", c.Send, err)
	}
	if u.Opaque != "" {
		return nil, fmt.Errorf("health check's request %q is neither a path nor a URL", c.Send)
	}
	if u.Scheme != "" && u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("health check's request %q: scheme %q is neither http nor https", c.Send, u.Scheme)
	}
	u.Scheme = "http"
	if c.Kind == lb.CheckHTTPS {
		u.Scheme = "https"
	}
	if u.Path == "" {
		u.Path = "/"
	}
	u.RawQuery = escape(u.RawQuery)
	return u, nil
}

// escape makes of a query what a request line can hold: package url escapes
// paths but leaves queries as they are.
func escape(query string) string {
	var b strings.Builder
	for _, c := range []byte(query) {
		if c > ' ' && c < 0x7f {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func beforeQuery(s string) string {
	s, _, _ = strings.Cut(s, "?")
	return s
}

// serverName is the host of the check's URL, "" when it has none.
func serverName(c lb.Check) string {
	u, err := requestURL(c)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// readResponse reads the response up to its body, past interim ones.
func readResponse(r io.Reader, req *http.Request) (*http.Response, error) {
	// The limit is a guard against a server that never ends its header; the
	// body is read only as far as it is compared.
	limited := &io.LimitedReader{R: r, N: maxHeader}
	br := bufio.NewReader(limited)
	for range maxInterim {
		res, err := http.ReadResponse(br, req)
		if err != nil && limited.N <= 0 {
			return nil, fmt.Errorf("the response's header is longer than %d bytes", maxHeader)
		}
		if err != nil {
			return nil, err
		}
		if res.StatusCode >= 200 || res.StatusCode == http.StatusSwitchingProtocols {
			limited.N = math.MaxInt64
			return res, nil
		}
	}
	return nil, fmt.Errorf("more than %d interim (1xx) responses", maxInterim)
}

// judge compares a response with what the check expects.
func judge(ctx context.Context, c lb.Check, res *http.Response) Result {
	want := c.Code
	if want == 0 {
		want = http.StatusOK
	}
	status := clip(strings.TrimSpace(res.Proto+" "+res.Status), longest)
	if res.StatusCode != want {
		return failed(mismatch(c, "answered %s, want code %d", status, want))
	}
	if c.Receive == "" {
		return passed(status)
	}
	got := make([]byte, len(c.Receive))
	n, err := io.ReadFull(res.Body, got)
	if body := []byte(c.Receive); !bytes.HasPrefix(body, got[:n]) {
		return failed(mismatch(c, "answered %s with body %s, want %s", status, quote(got[:n]), quote(body)))
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return failed(mismatch(c, "answered %s with body %s and no more, want %s", status, quote(got[:n]), quote([]byte(c.Receive))))
	}
	if err != nil {
		return failed(explain(ctx, c, receiving, err))
	}
	return passed(status + ", body as expected")
}
