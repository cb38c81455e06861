package engine

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"seesaw/engine/client"
	"seesaw/internal/config"
	"seesaw/internal/lb"
	"seesaw/internal/rpc"
	"seesaw/ncc"
	"seesaw/ncc/nccfake"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	nodeText = `[cluster]
name = test
node_ipv4 = 192.168.10.2
peer_ipv4 = 192.168.10.3
vip_ipv4 = 192.168.10.1
[interface]
node = eth0
lb = eth1
`
	serverText = nodeText + "[config_server]\nprimary = config.example.com\n"

	head = `seesaw_vip < fqdn: "vip" ipv4: "192.168.10.1/24" status: PRODUCTION >
node < fqdn: "node1" ipv4: "192.168.10.2/24" status: PRODUCTION >
node < fqdn: "node2" ipv4: "192.168.10.3/24" status: PRODUCTION >
`
	web = `vserver < name: "web" rp: "x" entry_address < fqdn: "web" ipv4: "192.168.36.1/24" status: PRODUCTION >
  vserver_entry < protocol: TCP port: 80 scheduler: RR healthcheck < type: TCP > >
  backend < host < fqdn: "b1" ipv4: "1.1.1.1/24" status: PRODUCTION > >
  backend < host < fqdn: "b2" ipv4: "1.1.1.2/24" status: PRODUCTION > > >
`
	dns = `vserver < name: "dns" rp: "x" entry_address < fqdn: "dns" ipv4: "192.168.36.2/24" status: PRODUCTION >
  vserver_entry < protocol: UDP port: 53 scheduler: RR >
  backend < host < fqdn: "b3" ipv4: "1.1.1.3/24" status: PRODUCTION > > >
`
)

// logged is a log that can be read while it is written.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logged) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

var errAway = errors.New("ncc is away")

// link is the way from the engine to an ncc, which may be cut. It keeps what
// went over it.
type link struct {
	mu      sync.Mutex
	ncc     *ncc.NCC
	updates []lb.Update
}

func (w *link) connect(n *ncc.NCC) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ncc = n
}

// take returns what has gone over the wire since it was last asked.
func (w *link) take() []lb.Update {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.updates
	w.updates = nil
	return list
}

func (w *link) Apply(ctx context.Context, u lb.Update) (lb.Report, error) {
	w.mu.Lock()
	w.updates = append(w.updates, u)
	n := w.ncc
	w.mu.Unlock()
	if n == nil {
		return lb.Report{}, errAway
	}
	return n.Apply(ctx, u)
}

func (w *link) Statistics(ctx context.Context) ([]lb.ServiceStatistics, error) {
	w.mu.Lock()
	n := w.ncc
	w.mu.Unlock()
	if n == nil {
		return nil, errAway
	}
	return n.Statistics(ctx)
}

// rig is an engine with a real ncc on a kernel in memory, behind real sockets.
type rig struct {
	t       *testing.T
	dir     string
	node    *config.Node
	log     *logged
	kernel  *nccfake.Kernel
	wire    *link
	engine  *Engine
	client  *client.Client
	stopNCC func()
	prepare func(*Engine) // before it runs; may be nil
	stop    func()        // of the engine and the client
}

// newRig makes the files and starts nothing.
func newRig(t *testing.T, nodeText, clusterText string) *rig {
	t.Helper()
	node, err := config.ParseNode("seesaw.cfg", []byte(nodeText))
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "engine") // short enough for a socket's path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	node.StateDir = filepath.Join(dir, "state")
	r := &rig{t: t, dir: dir, node: node, log: &logged{}, kernel: nccfake.New(), wire: &link{}}
	if clusterText != "" {
		r.write(clusterText)
	}
	return r
}

// started is a rig with all of it running.
func started(t *testing.T, nodeText, clusterText string) *rig {
	t.Helper()
	r := newRig(t, nodeText, clusterText)
	r.startNCC()
	r.start()
	return r
}

func (r *rig) file() string { return filepath.Join(r.dir, "cluster.pb") }

func (r *rig) write(text string) {
	r.t.Helper()
	if err := os.WriteFile(r.file(), []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

// running starts something that ends with its context, and returns how to end it.
func (r *rig) running(what string, run func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Errorf("%s: %v", what, err)
		}
	})
	r.t.Cleanup(stop)
	return stop
}

// startNCC starts an ncc on the kernel as it is.
func (r *rig) startNCC() {
	r.t.Helper()
	n, err := ncc.New(ncc.Config{Record: filepath.Join(r.dir, "owned")}, r.kernel, slog.New(slog.DiscardHandler))
	if err != nil {
		r.t.Fatal(err)
	}
	stop := r.running("ncc", n.Run)
	r.stopNCC = func() { r.wire.connect(nil); stop() }
	r.wire.connect(n)
}

// start starts an engine.
func (r *rig) start() {
	r.t.Helper()
	e, err := New(Config{Node: r.node, ClusterFile: r.file(), Version: "test"}, r.wire, r.log.logger())
	if err != nil {
		r.t.Fatal(err)
	}
	if r.prepare != nil {
		r.prepare(e)
	}
	socket := filepath.Join(r.dir, "engine.sock")
	lis, err := rpc.Listen(socket)
	if err != nil {
		r.t.Fatal(err)
	}
	c, err := client.New(socket)
	if err != nil {
		r.t.Fatal(err)
	}
	stop := r.running("engine", func(ctx context.Context) error { return e.Run(ctx, lis) })
	r.engine, r.client = e, c
	r.stop = sync.OnceFunc(func() {
		if err := c.Close(); err != nil {
			r.t.Errorf("close client: %v", err)
		}
		stop()
	})
	r.t.Cleanup(r.stop)
}

func (r *rig) ctx() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	r.t.Cleanup(cancel)
	return ctx
}

// eventually waits until something is true. What is waited for crosses sockets
// and goroutines, so it can only be looked for.
func (r *rig) eventually(what string, true func() bool) {
	r.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	end := time.After(5 * time.Second)
	for !true() {
		select {
		case <-tick.C:
		case <-end:
			r.t.Fatalf("never: %s\nkernel:\n%s\nlog:\n%s", what, r.kernel, r.log)
		}
	}
}

// table is what the kernel prints of IPVS.
func (r *rig) table() string {
	_, rest, found := strings.Cut("\n"+r.kernel.String(), "\nservice ")
	if !found {
		return ""
	}
	return "service " + strings.ReplaceAll(rest, "destination ", "")
}

// tableIs waits until the table has these lines, the indent of the test's source
// aside.
func (r *rig) tableIs(want string) {
	r.t.Helper()
	fields := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	r.eventually("table is "+want, func() bool { return fields(r.table()) == fields(want) })
}
