package backend_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/backend"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRefusedURLs(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ url, want string }{
		{"", `unknown scheme "", want one of etcd, mem, `},
		{"locks.db", "unknown scheme"},
		{"redsi://localhost", `unknown scheme "redsi", want one of etcd, mem, `},
		{"mem://a/b", "want mem:// or mem://NAME"},
		{"mem://?ttl=3s", `unknown parameter "ttl", want none`},
		{"sqlite:locks.db", "want sqlite:///absolute/path or sqlite://./relative/path"},
		{"sqlite://", "want sqlite:///absolute/path or sqlite://./relative/path"},
		{"sqlite://locks.db", "want sqlite:///absolute/path or sqlite://./relative/path"},
		{"sqlite://host/locks.db", "want sqlite:///absolute/path or sqlite://./relative/path"},
		{"sqlite:///tmp/locks.db?mode=ro", `unknown parameter "mode", want none`},
		{"sqlite:///no/such/folder/locks.db", "no folder /no/such/folder"},
		{"sqlite:///%zz", "invalid URL escape"},
		{"sqlite:///tmp/locks.db/", "want sqlite:///absolute/path or sqlite://./relative/path"},
		{"sqlite:///tmp/locks#2.db", "want a # in it written as %23"},
		{"mem://shop#2", "want a # in it written as %23"},
	} {
		client, err := backend.Open(t.Context(), test.url, nil)
		if client != nil {
			t.Errorf("%q was opened", test.url)
		}
		if !errors.Is(err, pawl.ErrInvalidOption) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: got %v, want ErrInvalidOption with %q", test.url, err, test.want)
		}
	}
}

func TestPasswordIsNotShown(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"nosuch://user:secret@host",
		"nosuch://user:%zzsecret@host",
		"nosuch://user:secret/@host",
		"nosuch://user:secret@host\n",
	} {
		_, err := backend.Open(t.Context(), url, nil)
		if !errors.Is(err, pawl.ErrInvalidOption) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: got %v", url, err)
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "locks.db")
	_, err := backend.Open(t.Context(), "sqlite://"+path, &pawl.Options{TTL: 1})
	if !errors.Is(err, pawl.ErrInvalidOption) {
		t.Errorf("got %v", err)
	}
}

// Two clients of one URL share its locks, but those of mem:// have a store each.
func TestSharing(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("100% sure", 0o700); err != nil {
		t.Fatal(err)
	}
	for url, shared := range map[string]bool{
		"mem://":                              false,
		"mem://shop":                          true,
		"sqlite://./locks.db":                 true,
		"sqlite://./100%25%20sure/locks.db":   true,
		"sqlite://" + t.TempDir() + "/a b.db": true,
	} {
		first, second := open(t, url), open(t, url)
		lock, err := first.TryLock(t.Context(), "x")
		if err != nil {
			t.Fatalf("%s: %v", url, err)
		}
		other, err := second.TryLock(t.Context(), "x")
		if errors.Is(err, pawl.ErrHeld) != shared {
			t.Errorf("%s: got %v, shared: %v", url, err, shared)
		}
		for _, lock := range []*pawl.Lock{lock, other} {
			if lock == nil {
				continue
			}
			if err := lock.Unlock(); err != nil {
				t.Error(err)
			}
		}
	}
	for _, path := range []string{"locks.db", "100% sure/locks.db"} {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
}

func open(t *testing.T, url string) *pawl.Client {
	t.Helper()
	client, err := backend.Open(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(t.Context()); err != nil && !errors.Is(err, t.Context().Err()) {
			t.Error(err)
		}
	})
	return client
}
