package testserver

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// Proxy stands between clients and a server, and makes the network fail.
type Proxy struct {
	// Addr is where clients connect to.
	Addr string

	listener net.Listener
	server   string
	drop     atomic.Bool
	refuse   atomic.Bool

	mu    sync.Mutex
	conns map[net.Conn]bool
	done  sync.WaitGroup
}

// NewProxy returns a proxy to the server at addr that ends with the test.
func NewProxy(tb TB, addr string) *Proxy {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p := &Proxy{Addr: listener.Addr().String(), listener: listener, server: addr, conns: make(map[net.Conn]bool)}
	p.done.Go(p.accept)
	tb.Cleanup(func() {
		_ = listener.Close()
		p.Cut()
		p.done.Wait()
	})
	return p
}

// DropReplies lets requests through and no replies, from now on or no more.
func (p *Proxy) DropReplies(on bool) { p.drop.Store(on) }

// Refuse closes every new connection at once, from now on or no more.
func (p *Proxy) Refuse(on bool) { p.refuse.Store(on) }

// Cut closes every connection.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		_ = conn.Close()
	}
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.server)
		if err != nil || p.refuse.Load() {
			_ = client.Close()
			if err == nil {
				_ = server.Close()
			}
			continue
		}
		p.keep(client, server)
		p.done.Go(func() { p.copy(server, client, nil) })
		p.done.Go(func() { p.copy(client, server, &p.drop) })
	}
}

func (p *Proxy) keep(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range conns {
		p.conns[conn] = true
	}
}

// copy passes on what from sends until either end is closed.
func (p *Proxy) copy(to, from net.Conn, drop *atomic.Bool) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && (drop == nil || !drop.Load()) {
			if _, writeErr := to.Write(buffer[:n]); writeErr != nil {
				err = io.EOF
			}
		}
		if err != nil {
			break
		}
	}
	_, _ = to.Close(), from.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, to)
	delete(p.conns, from)
}
