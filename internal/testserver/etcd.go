package testserver

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Etcd starts a cluster of n etcds with short election timeouts. flags are added to
// their command lines.
func Etcd(tb TB, n int, flags ...string) []*Process {
	tb.Helper()
	program := Need(tb, "etcd", "etcd-server")
	peers, members := make([]string, n), make([]string, n)
	for i := range peers {
		peers[i] = fmt.Sprintf("http://127.0.0.1:%d", FreePort(tb))
		members[i] = fmt.Sprintf("m%d=%s", i, peers[i])
	}
	servers := make([]*Process, n)
	for i := range servers {
		addr := fmt.Sprintf("127.0.0.1:%d", FreePort(tb))
		p := &Process{Addr: addr, Dir: tb.TempDir(), ready: etcdReady}
		p.argv = append([]string{program, "--name", fmt.Sprintf("m%d", i), "--data-dir", p.Dir,
			"--listen-client-urls", "http://" + addr, "--advertise-client-urls", "http://" + addr,
			"--listen-peer-urls", peers[i], "--initial-advertise-peer-urls", peers[i],
			"--initial-cluster", strings.Join(members, ","), "--heartbeat-interval", "50", "--election-timeout", "500",
			"--logger", "zap", "--log-level", "warn"}, flags...)
		servers[i] = p
	}
	startAll(tb, servers)
	return servers
}

// etcdReady reports whether an etcd serves, which it does with a leader.
func etcdReady(ctx context.Context, addr string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/health", http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, text)
	}
	http.DefaultClient.CloseIdleConnections()
	return err
}
