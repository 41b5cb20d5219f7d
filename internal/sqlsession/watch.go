package sqlsession

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// Watched is a connection that is always read from, so that its end is noticed while
// nobody waits for an answer. Deadlines work as without it.
type Watched struct {
	net.Conn
	gone chan struct{} // closed when the connection has ended

	mu      sync.Mutex
	changed sync.Cond // on mu: something below
	buf     []byte    // read ahead
	err     error     // why there will be no more
	late    bool      // the read deadline has passed
	stopped bool      // no more reading ahead
}

// Watch returns conn, read ahead of its user.
func Watch(conn net.Conn) *Watched {
	w := &Watched{Conn: conn, gone: make(chan struct{})}
	w.changed.L = &w.mu
	go w.pump()
	return w
}

// Gone is closed when the connection has ended.
func (w *Watched) Gone() <-chan struct{} { return w.gone }

// HasGone reports whether Gone is closed.
func (w *Watched) HasGone() bool {
	select {
	case <-w.gone:
		return true
	default:
		return false
	}
}

// pump reads until the connection ends.
func (w *Watched) pump() {
	buf := make([]byte, 16<<10)
	for {
		n, err := w.Conn.Read(buf)
		if !w.arrived(buf[:n], err) {
			return
		}
	}
}

// mostAhead bounds what is read ahead of a user that does not read.
const mostAhead = 64 << 10

// arrived keeps data for Read, and reports whether to go on. An end that follows data is
// noticed although nobody reads: a server says why it ends a session.
func (w *Watched) arrived(data []byte, err error) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buf = append(w.buf, data...)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		w.late = true
	case err != nil:
		w.err = err
		close(w.gone)
	}
	w.changed.Broadcast()
	for w.err == nil && !w.stopped && (len(w.buf) > mostAhead || w.late) {
		w.changed.Wait()
	}
	return w.err == nil && !w.stopped
}

// Read returns what was read ahead, or waits for it.
func (w *Watched) Read(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.buf) == 0 && w.err == nil && !w.late && !w.stopped {
		w.changed.Wait()
	}
	switch {
	case len(w.buf) > 0:
		n := copy(p, w.buf)
		if w.buf = w.buf[:copy(w.buf, w.buf[n:])]; len(w.buf) == 0 {
			w.changed.Broadcast()
		}
		return n, nil
	case w.err != nil:
		return 0, w.err
	case w.stopped:
		return 0, net.ErrClosed
	}
	return 0, os.ErrDeadlineExceeded
}

// SetReadDeadline lets reading go on that an earlier deadline has ended.
func (w *Watched) SetReadDeadline(t time.Time) error {
	err := w.Conn.SetReadDeadline(t)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.late = false
	w.changed.Broadcast()
	return err
}

// SetDeadline sets both deadlines.
func (w *Watched) SetDeadline(t time.Time) error {
	return errors.Join(w.SetWriteDeadline(t), w.SetReadDeadline(t))
}

// Abandon ends the reading ahead, and with it the goroutine. The connection stays until
// Hangup; to its user it looks as if it worked no more, so that the user's goodbye does
// not reach the server.
func (w *Watched) Abandon() {
	w.mu.Lock()
	w.stopped = true
	w.changed.Broadcast()
	w.mu.Unlock()
	_ = w.Conn.SetReadDeadline(time.Unix(1, 0)) // wakes the pump
}

// Write is net.Conn's.
func (w *Watched) Write(p []byte) (int, error) {
	if w.abandoned() {
		return 0, net.ErrClosed
	}
	return w.Conn.Write(p)
}

// Close is net.Conn's.
func (w *Watched) Close() error {
	if w.abandoned() {
		return nil
	}
	return w.Conn.Close()
}

// Hangup closes the connection, abandoned or not.
func (w *Watched) Hangup() { _ = w.Conn.Close() }

func (w *Watched) abandoned() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stopped
}
