package etcdlock_test

import (
	"net"
	"sync"
	"testing"
)

// gate is a proxy that can hold back what clients send, and let it through later.
type gate struct {
	addr string

	mu    sync.Mutex
	shut  chan struct{} // not nil while the gate is closed; closed to open it
	stuck int           // how many bytes are held back
}

func newGate(t *testing.T, server string) *gate {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	g := &gate{addr: listener.Addr().String()}
	relay(t, listener, server, func(to, from net.Conn) { g.pass(to, from, true) }, func(to, from net.Conn) { g.pass(to, from, false) })
	t.Cleanup(g.open)
	return g
}

// relay passes on what comes to listener until the end of the test, when the drivers have
// closed their connections.
func relay(t *testing.T, listener net.Listener, server string, toServer, toClient func(to, from net.Conn)) {
	t.Helper()
	var all sync.WaitGroup
	all.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			conn, err := net.Dial("tcp", server)
			if err != nil {
				_ = client.Close()
				continue
			}
			all.Go(func() { toServer(conn, client) })
			all.Go(func() { toClient(client, conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		all.Wait()
	})
}

func (g *gate) pass(to, from net.Conn, gated bool) {
	defer func() { _, _ = to.Close(), from.Close() }()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		if gated {
			g.waitOpen(n)
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func (g *gate) waitOpen(n int) {
	g.mu.Lock()
	shut := g.shut
	if shut != nil {
		g.stuck += n
	}
	g.mu.Unlock()
	if shut != nil {
		<-shut
	}
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = make(chan struct{})
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut != nil {
		close(g.shut)
		g.shut = nil
	}
}

// heldBack waits until there is a request at the closed gate: anything larger than an
// acknowledgement.
func (g *gate) heldBack(t *testing.T) {
	t.Helper()
	eventually(t, "a request at the gate", func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.stuck > 200
	})
}
