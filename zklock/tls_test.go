package zklock_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/internal/testserver"
)

// The certificate is checked against the name in the URL, and not against the address
// that was found for it.
func TestTLS(t *testing.T) {
	t.Parallel()
	const settings = "?session=6s&tick=1s&tls=true&timeout=20s" // the first handshakes take a JVM seconds
	ca, port := overTLS(t)
	for _, params := range []string{"&ca=" + ca, "&insecure=true"} {
		d := mustOpen(t, "zookeeper://localhost:"+port+settings+params)
		must(t, d.Release(t.Context(), acquire(t, d, request(d, "tls")).Request))
		if findings, err := d.(driver.Checker).Check(t.Context()); err != nil || len(findings) == 0 {
			t.Errorf("Check: %v, %v", findings, err)
		}
	}
	refuses(t, "zookeeper://localhost:"+port+settings, driver.ErrInvalidOption, "certificate is not trusted")
	refuses(t, "zookeeper://127.0.0.1:"+port+settings+"&ca="+ca, driver.ErrInvalidOption, "certificate is not trusted")
	refuses(t, "zookeeper://localhost:"+port+"?timeout=900ms", driver.ErrUnavailable, "")
}

// overTLS starts a server whose certificate is for localhost, and returns its TLS port.
func overTLS(t *testing.T) (ca, port string) {
	t.Helper()
	cert, key := testserver.Certificate(t, "localhost")
	var both []byte // as the server wants them
	for _, path := range []string{key, cert} {
		text, err := os.ReadFile(path)
		must(t, err)
		both = append(both, text...)
	}
	store := filepath.Join(t.TempDir(), "store.pem")
	must(t, os.WriteFile(store, both, 0o600))
	port = fmt.Sprint(testserver.FreePort(t))
	testserver.ZooKeeper(t, 1, "serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory",
		"secureClientPort="+port, "secureClientPortAddress=127.0.0.1", "ssl.clientAuth=none",
		"ssl.keyStore.location="+store, "ssl.trustStore.location="+cert)
	return cert, port
}
