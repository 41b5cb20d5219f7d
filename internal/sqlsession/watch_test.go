package sqlsession_test

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pawl-go/pawl/internal/sqlsession"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair returns both ends of a connection.
func pair(t *testing.T) (near *sqlsession.Watched, far net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if far, err = listener.Accept(); err != nil {
		t.Fatal(err)
	}
	near = sqlsession.Watch(conn)
	t.Cleanup(func() {
		near.Hangup()
		_ = far.Close()
	})
	return near, far
}

func send(t *testing.T, to net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(to, text); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, from net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(from, got); err != nil || string(got) != want {
		t.Fatalf("read %q and %v, want %q", got, err, want)
	}
}

// The end is noticed although nobody reads, and what was sent before it can be read.
func TestWatchNoticesTheEnd(t *testing.T) {
	t.Parallel()
	near, far := pair(t)
	send(t, far, "goodbye")
	_ = far.Close()
	select {
	case <-near.Gone():
	case <-time.After(10 * time.Second):
		t.Fatal("not noticed")
	}
	expect(t, near, "goodbye")
	if n, err := near.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("read %d bytes and %v, want the end", n, err)
	}
}

// A deadline ends a read and nothing else.
func TestWatchKeepsDeadlines(t *testing.T) {
	t.Parallel()
	near, far := pair(t)
	_ = near.SetDeadline(time.Now().Add(20 * time.Millisecond))
	if _, err := near.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Read: %v, want %v", err, os.ErrDeadlineExceeded)
	}
	_ = near.SetDeadline(time.Time{})
	send(t, far, "later")
	expect(t, near, "later")
	if near.HasGone() {
		t.Error("a deadline has ended the connection")
	}
}

// More than is read ahead arrives whole.
func TestWatchPassesMuch(t *testing.T) {
	t.Parallel()
	near, far := pair(t)
	data := make([]byte, 1<<20)
	for i := range data {
		data[i] = byte(i * i >> 8)
	}
	go func() { _, _ = far.Write(data) }()
	expect(t, near, string(data))
}

// An abandoned connection stays for the server, and its user's goodbye does not
// reach it.
func TestWatchAbandons(t *testing.T) {
	t.Parallel()
	near, far := pair(t)
	near.Abandon()
	if _, err := near.Write([]byte("goodbye")); err == nil {
		t.Error("an abandoned connection was written to")
	}
	_ = near.Close()
	_ = far.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if n, err := far.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the server read %d bytes and %v, want nothing", n, err)
	}
	near.Hangup()
	_ = far.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := far.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the server read %v, want the end", err)
	}
}
