package testserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
)

// ZooKeeper starts an ensemble of n ZooKeepers whose tick is half a second: sessions
// last from 1 to 10 s. lines are added to their configuration.
func ZooKeeper(tb TB, n int, lines ...string) []*Process {
	tb.Helper()
	java := Need(tb, "java", "zookeeper")
	const jar = "/usr/share/java/zookeeper.jar"
	if found, _ := filepath.Glob(jar); len(found) == 0 {
		missing(tb, "ZooKeeper is not installed: apt-get install zookeeper")
	}
	ensemble := make([]string, n)
	for i := range ensemble {
		ensemble[i] = fmt.Sprintf("server.%d=127.0.0.1:%d:%d", i+1, FreePort(tb), FreePort(tb))
	}
	servers := make([]*Process, n)
	for i := range servers {
		port := fmt.Sprint(FreePort(tb))
		p := &Process{Addr: "127.0.0.1:" + port, Dir: tb.TempDir(), ready: zookeeperReady}
		config := "tickTime=500\ninitLimit=10\nsyncLimit=4\ndataDir=" + p.Dir + "\nclientPort=" + port +
			"\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\n4lw.commands.whitelist=*\nmaxClientCnxns=0\n" +
			"extendedTypesEnabled=true\n"
		if n > 1 {
			config += strings.Join(ensemble, "\n") + "\n"
			write(tb, filepath.Join(p.Dir, "myid"), fmt.Sprint(i+1))
		}
		path := filepath.Join(p.Dir, "zoo.cfg")
		write(tb, path, config+strings.Join(lines, "\n")+"\n")
		p.argv = []string{java, "-Xmx512m", "-XX:+UseSerialGC", "-cp", jar + ":/usr/share/java/*",
			"org.apache.zookeeper.server.quorum.QuorumPeerMain", path}
		servers[i] = p
	}
	startAll(tb, servers)
	return servers
}

// zookeeperReady reports whether a ZooKeeper serves, which in an ensemble it does with
// a majority.
func zookeeperReady(ctx context.Context, addr string) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if _, err := io.WriteString(conn, "srvr"); err != nil {
		return err
	}
	text, err := io.ReadAll(conn)
	if err == nil && !strings.Contains(string(text), "Mode:") {
		err = errors.New(strings.TrimSpace(string(text)))
	}
	return err
}
