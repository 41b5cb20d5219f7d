package backend_test

import (
	"errors"
	"testing"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/testserver"
)

// Two clients of one URL exclude each other, on every engine that is a server of its own.
func TestServers(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(tb testserver.TB) []string{
		"postgres": func(tb testserver.TB) []string {
			url := testserver.PostgresURL(testserver.Postgres(tb).Addr, "postgres")
			return []string{url, url + "&mode=session", url + "&table=other"}
		},
		"mariadb": func(tb testserver.TB) []string {
			url := testserver.MySQLURL(testserver.MariaDB(tb).Addr, "mysql")
			return []string{url, url + "?mode=session", url + "?table=other"}
		},
		"zookeeper": func(tb testserver.TB) []string {
			url := "zookeeper://" + testserver.ZooKeeper(tb, 1)[0].Addr
			return []string{url}
		},
		"etcd": func(tb testserver.TB) []string {
			url := "etcd://" + testserver.Etcd(tb, 1)[0].Addr
			return []string{url, url + "/apart"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, url := range start(t) {
				lock, err := open(t, url).TryLock(t.Context(), "x")
				if err != nil {
					t.Fatalf("%s: %v", url, err)
				}
				if _, err := open(t, url).TryLock(t.Context(), "x"); !errors.Is(err, pawl.ErrHeld) {
					t.Errorf("%s: TryLock of another client: %v, want %v", url, err, pawl.ErrHeld)
				}
				t.Cleanup(func() { _ = lock.Unlock() })
			}
		})
	}
}
