package zklock

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// lookupTimeout bounds the finding of the servers' addresses.
const lookupTimeout = 3 * time.Second

// hosts is the servers' addresses in random order. Unlike go-zookeeper's own list, it
// lets one that was connected a moment ago be tried at once, and not after a second.
type hosts struct {
	mu    sync.Mutex
	addrs []string
	names map[string]string // by address: the name in the URL
	next  int
	tried int // since the last connection
}

// Init finds the addresses. All names have to be known: a wrong one is a slip in the URL.
func (h *hosts) Init(servers []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), lookupTimeout)
	defer cancel()
	h.names = make(map[string]string, len(servers))
	for _, server := range servers {
		host, port, err := net.SplitHostPort(server)
		if err != nil {
			return err
		}
		found, err := net.DefaultResolver.LookupHost(ctx, host)
		if err != nil {
			return fmt.Errorf("host %q: no such host", host)
		}
		for _, addr := range found {
			addr = net.JoinHostPort(addr, port)
			h.addrs, h.names[addr] = append(h.addrs, addr), host
		}
	}
	rand.Shuffle(len(h.addrs), func(i, j int) { h.addrs[i], h.addrs[j] = h.addrs[j], h.addrs[i] })
	return nil
}

// Len returns the number of addresses.
func (h *hosts) Len() int { return len(h.addrs) }

// Next returns the address to try, and whether all have been tried since the last
// connection, which makes go-zookeeper pause for a second.
func (h *hosts) Next() (server string, retryStart bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	server = h.addrs[h.next]
	h.next = (h.next + 1) % len(h.addrs)
	h.tried++
	return server, h.tried > len(h.addrs) && (h.tried-1)%len(h.addrs) == 0
}

// Connected is told of a connection.
func (h *hosts) Connected() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tried = 0
}
