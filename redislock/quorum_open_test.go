package redislock_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/internal/testserver"
)

func TestQuorumOpenRefuses(t *testing.T) {
	t.Parallel()
	for rawURL, want := range map[string]string{
		"redis+quorum://a,b":                   "odd number",
		"redis+quorum://a,b,c,d":               "odd number",
		"redis+quorum://a,b,":                  "host",
		"redis+quorum://a,b,c/x":               "database",
		"redis+quorum://a,b,c?mode=setnx":      "unknown parameter",
		"redis+quorum://a,b,c?ca=x":            "unknown parameter",
		"redis+quorum://a,b,c?maxttl=1":        "maxttl",
		"redis+quorum://a,b,c?maxttl=1ms":      "MaxTTL",
		"redis+quorum://a,b,c?durable=perhaps": "durable",
		"redis+quorum://a,b,c?timeout=-1s":     "timeout",
	} {
		refuses(t, rawURL, driver.ErrInvalidOption, want)
	}
}

// A minority may be down or hang when a quorum is opened, and not use another password.
func TestQuorumOpen(t *testing.T) {
	t.Parallel()
	all := startNodes(t, 3)
	secret := testserver.Redis(t, "--requirepass", "secret")
	refuses(t, strings.Replace(all.url(), all[1].Addr, secret.Addr, 1), driver.ErrInvalidOption, "password")

	all.pause(t, 1)
	var d driver.Driver
	if took := took(func() { d = mustOpen(t, all.url()) }); took > minorityCost+busy {
		t.Errorf("opening took %v while one node hung", took)
	}
	if took := took(func() { must(t, d.Release(t.Context(), acquire(t, d, request("x")).Request)) }); took > minorityCost+busy {
		t.Errorf("a lock took %v while one node hung", took)
	}
	all[2].Kill()
	refuses(t, all.url()+"&timeout=200ms", driver.ErrUnavailable, "servers do not answer")
	if got := d.Traits().MaxTTL; got != time.Minute {
		t.Errorf("MaxTTL %v", got)
	}
}
