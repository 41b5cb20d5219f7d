package redislock_test

import (
	"testing"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/internal/testserver"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	rdb := rawClient(t, server)
	url := "redis://" + server.Addr

	got := levels(t, url)
	if got["persistence"] != driver.Warning || got["eviction"] != driver.Fine || got["role"] != driver.Fine || got["publish"] != driver.Fine {
		t.Errorf("as started: %v", got)
	}

	must(t, rdb.ConfigSet(t.Context(), "maxmemory", "100mb").Err())
	must(t, rdb.ConfigSet(t.Context(), "maxmemory-policy", "allkeys-lru").Err())
	must(t, rdb.ConfigSet(t.Context(), "appendonly", "yes").Err())
	must(t, rdb.Do(t.Context(), "ACL", "SETUSER", "default", "resetchannels").Err())
	got = levels(t, url)
	if got["persistence"] != driver.Fine || got["eviction"] != driver.Problem || got["publish"] != driver.Warning {
		t.Errorf("with eviction, a file and no channels: %v", got)
	}
}

func TestCheckCluster(t *testing.T) {
	t.Parallel()
	nodes := testserver.RedisCluster(t)
	if got := levels(t, "redis+cluster://"+addrs(nodes)); got["cluster"] != driver.Fine || got["replicas"] != driver.Warning {
		t.Errorf("got %v", got)
	}
}
