package main

import (
	"bufio"
	"bytes"
	"context"
	"net"
	"net/url"
)

// monitor counts the commands that clients send to a Redis. It listens to MONITOR,
// because neither commandstats nor total_commands_processed tells what a client has
// sent from what a script has called: both count both.
type monitor struct {
	conn net.Conn
	sent chan int
}

func watch(ctx context.Context, rawURL string) (*monitor, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, err
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return nil, err
	}
	m := &monitor{conn: conn, sent: make(chan int, 1)}
	lines := bufio.NewReaderSize(conn, 1<<20)
	if _, err := conn.Write([]byte("MONITOR\r\n")); err != nil {
		return nil, err
	}
	if _, err := lines.ReadSlice('\n'); err != nil { // +OK
		return nil, err
	}
	go m.listen(lines)
	return m, nil
}

// listen reads lines such as
//
//	+1700000000.123456 [0 127.0.0.1:40000] "EVALSHA" ...
//	+1700000000.123457 [0 lua] "HGET" ...
func (m *monitor) listen(lines *bufio.Reader) {
	n, begins := 0, true
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil && err != bufio.ErrBufferFull {
			m.sent <- n
			return
		}
		if begins && !isInScript(line) {
			n++
		}
		begins = err == nil
	}
}

func isInScript(line []byte) bool {
	head, _, _ := bytes.Cut(line, []byte("] "))
	return bytes.HasSuffix(head, []byte(" lua"))
}

// stop returns how many commands were seen.
func (m *monitor) stop() (int, error) {
	err := m.conn.Close()
	return <-m.sent, err
}
