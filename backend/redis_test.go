package backend_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/backend"
	"github.com/pawl-go/pawl/internal/testserver"
)

// Two clients of one Redis URL exclude each other; a prefix or a mode of its own makes
// locks of its own.
func TestRedis(t *testing.T) {
	t.Parallel()
	base := "redis://" + testserver.Redis(t).Addr
	for _, url := range []string{base, base + "/1", base + "?prefix=app:", base + "?mode=setnx"} {
		lock, err := open(t, url).TryLock(t.Context(), "x")
		if err != nil {
			t.Fatalf("%s: %v", url, err)
		}
		if _, err := open(t, url).TryLock(t.Context(), "x"); !errors.Is(err, pawl.ErrHeld) {
			t.Errorf("%s: TryLock of another client: %v, want %v", url, err, pawl.ErrHeld)
		}
		t.Cleanup(func() { _ = lock.Unlock() })
	}
}

func TestRefusedRedisURLs(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"redis://me:secret@h?ttl=3s":     `unknown parameter "ttl", want one of mode, prefix, timeout`,
		"redis+sentinel://me:secret@h":   "NAME-OF-THE-MASTER",
		"redis+cluster://me:secret@h/1":  "a Cluster has database 0 only",
		"rediss://me:secret@h?ca=/no/ca": "/no/ca",
	} {
		_, err := backend.Open(t.Context(), url, nil)
		if !errors.Is(err, pawl.ErrInvalidOption) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want ErrInvalidOption with %q and without the password", url, err, want)
		}
	}
}
