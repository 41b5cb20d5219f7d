package etcdlock_test

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
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
	relay(t, listener, server, func(to, from net.Conn) { pass(to, from, g.waitOpen) }, func(to, from net.Conn) { pass(to, from, atOnce) })
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

// pass passes on what comes from one connection to another, n bytes each time, after before.
func pass(to, from net.Conn, before func(n int)) {
	defer func() { _, _ = to.Close(), from.Close() }()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		before(n)
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func atOnce(int) {}

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

// slowed returns the address of what passes on to server, each time after a delay that can
// be set.
func slowed(t *testing.T, server string) (addr string, delay *atomic.Int64) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	delay = new(atomic.Int64)
	later := func(int) { <-time.After(time.Duration(delay.Load())) }
	relay(t, listener, server, func(to, from net.Conn) { pass(to, from, later) }, func(to, from net.Conn) { pass(to, from, atOnce) })
	return listener.Addr().String(), delay
}
