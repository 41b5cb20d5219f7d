package zklock_test

import (
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/pawl-go/pawl/internal/testserver"
)

// A session that the servers have ended is over when they say so: its leases are told
// lost then, without a renewal and before their trust deadline.
func TestSessionExpired(t *testing.T) {
	t.Parallel()
	server := one(t)
	addr, greetings := overhear(t, server.Addr)
	proxy := testserver.NewProxy(t, addr)
	d := mustOpen(t, "zookeeper://"+proxy.Addr+"?session=10s&tick=1s")
	lease := acquire(t, d, request(d, "expired"))
	proxy.Refuse(true) // it would come back, and take its session from the other connection
	proxy.Cut()
	expire(t, server.Addr, <-greetings)
	proxy.Refuse(false)
	await(t, "the end of the lease's session", lease.Lost)
	if left := time.Until(lease.Until); left < time.Second {
		t.Errorf("lost %v before its trust deadline, and so by that only", left)
	}
	next := acquire(t, d, request(d, "expired"))
	if next.Token <= lease.Token {
		t.Errorf("token %d after %d", next.Token, lease.Token)
	}
	must(t, d.Release(t.Context(), next.Request))
}

// The parts of a server's greeting: its length, a version and the timeout, and then what
// another connection needs to be in the same session: its id and its password.
const (
	beforeSession = 4 + 4 + 4
	sessionSize   = 8 + 4 + 16
)

// expire ends the session of a greeting, on another connection.
func expire(t *testing.T, server string, greeting []byte) {
	t.Helper()
	const connectSize, closeSize, closeSession = 4 + 8 + 4 + sessionSize, 4 + 4, -11
	request := binary.BigEndian.AppendUint32(nil, connectSize)
	request = append(request, make([]byte, 4+8)...)         // version, last transaction seen
	request = append(request, greeting[8:beforeSession]...) // the same timeout
	request = append(request, greeting[beforeSession:]...)
	request = binary.BigEndian.AppendUint32(request, closeSize)
	request = binary.BigEndian.AppendUint32(request, 1)
	request = binary.BigEndian.AppendUint32(request, 1<<32+closeSession)
	conn, err := net.Dial("tcp", server)
	must(t, err)
	defer func() { _ = conn.Close() }()
	_, err = conn.Write(request)
	must(t, err)
	_, err = io.ReadAll(conn) // until the server hangs up
	must(t, err)
}

// overhear passes on between clients and server, and tells how the server greets them.
func overhear(t *testing.T, server string) (addr string, greetings <-chan []byte) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	heard := make(chan []byte, 16)
	var passing sync.WaitGroup
	t.Cleanup(func() {
		_ = listener.Close()
		passing.Wait()
	})
	passing.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", server)
			if err != nil {
				_ = near.Close()
				continue
			}
			passing.Go(func() { pass(far, near) })
			passing.Go(func() {
				greeting := make([]byte, beforeSession+sessionSize)
				if _, err := io.ReadFull(far, greeting); err == nil {
					heard <- greeting
					_, _ = near.Write(greeting)
				}
				pass(near, far)
			})
		}
	})
	return listener.Addr().String(), heard
}

// pass passes on what from says until either hangs up.
func pass(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	_, _ = to.Close(), from.Close()
}
