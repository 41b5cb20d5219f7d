package zklock

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// errMuted ends every connection of a session that is given up.
var errMuted = errors.New("the session is over")

// wire is how one session reaches the servers. go-zookeeper neither tells how long a
// session was granted nor lets it go without ending it; both are done here, below it.
type wire struct {
	tls   *tls.Config // nil for none
	hosts *hosts
	muted atomic.Bool // nothing goes out any more

	mu     sync.Mutex
	dialed time.Time     // the last time
	conn   *greeted      // the last one
	err    error         // why the last one failed
	synced chan struct{} // closed when the next Sync goes out; nil when nobody wants to know
}

// dial is a zk.Dialer.
func (w *wire) dial(network, address string, timeout time.Duration) (net.Conn, error) {
	if w.muted.Load() {
		return nil, errMuted
	}
	sent := time.Now()
	conn, err := dial(network, address, timeout, w.tlsTo(address))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dialed, w.err, w.conn = sent, err, nil
	if err != nil {
		return nil, err
	}
	w.conn = &greeted{Conn: conn, wire: w}
	return w.conn, nil
}

// tlsTo returns the settings for address. Its certificate is for the name in the URL,
// which go-zookeeper does not tell here.
func (w *wire) tlsTo(address string) *tls.Config {
	if w.tls == nil || w.tls.ServerName != "" {
		return w.tls
	}
	config := w.tls.Clone()
	config.ServerName = w.hosts.names[address]
	return config
}

func dial(network, address string, timeout time.Duration, config *tls.Config) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: timeout}
	if config == nil {
		return dialer.Dial(network, address)
	}
	return tls.DialWithDialer(dialer, network, address, config)
}

// granted returns what the server has said in its greeting, and when the connection was
// asked for. It is called by go-zookeeper's goroutine that has read the greeting.
func (w *wire) granted() (timeout time.Duration, session int64, asked time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conn == nil || len(w.conn.greeting) < greetingSize {
		return 0, 0, time.Time{}
	}
	g := w.conn.greeting
	return time.Duration(binary.BigEndian.Uint32(g[8:])) * time.Millisecond, int64(binary.BigEndian.Uint64(g[12:])), w.dialed
}

// failure returns why no connection could be made, or nil.
func (w *wire) failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// greetingSize is how much of the server's answer to a connection tells of the session:
// its length, a version, the timeout and the session's id.
const greetingSize = 4 + 4 + 4 + 8

// greeted is a connection that remembers how it began.
type greeted struct {
	net.Conn
	wire     *wire
	greeted  bool // the client has said its greeting, which is no request
	greeting []byte
}

// Read is called by one goroutine until the greeting is complete.
func (g *greeted) Read(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	if missing := greetingSize - len(g.greeting); missing > 0 {
		g.greeting = append(g.greeting, p[:min(n, missing)]...)
	}
	return n, err
}

// Write fails when the session is given up, so that its end is not said either.
// go-zookeeper writes one request at a time.
func (g *greeted) Write(p []byte) (int, error) {
	if g.wire.muted.Load() {
		return 0, errMuted
	}
	n, err := g.Conn.Write(p)
	if g.greeted && len(p) >= requestHeader && binary.BigEndian.Uint32(p[requestHeader-4:]) == opSync {
		g.wire.sentSync()
	}
	g.greeted = true
	return n, err
}

// What begins a request: its length, its number and what is asked for.
const (
	requestHeader = 4 + 4 + 4
	opSync        = 9
)

// nextSync returns what is closed when the next Sync has been sent. go-zookeeper's calls
// return with the answer, so that this is the one way to ask for something right behind it.
func (w *wire) nextSync() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.synced == nil {
		w.synced = make(chan struct{})
	}
	return w.synced
}

func (w *wire) sentSync() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.synced != nil {
		close(w.synced)
		w.synced = nil
	}
}
