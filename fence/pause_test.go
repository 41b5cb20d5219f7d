//go:build unix

package fence_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/backend"
	"github.com/pawl-go/pawl/fence"
)

// The tests start the test binary again in the role that this variable names.
const (
	roleVariable  = "PAWL_FENCE_TEST_ROLE"
	locksVariable = "PAWL_FENCE_TEST_LOCKS"
	shopVariable  = "PAWL_FENCE_TEST_SHOP" // a file, a URL, or an address
)

const pauseTTL = 300 * time.Millisecond

// playRole takes the lock, says so, waits to be told to go on, writes, and says what
// came of it. It is paused while it waits, after its last look at the lock.
func playRole(role string) int {
	write := map[string]func(context.Context, uint64) error{"sql": writeRow, "http": writePut, "redis": writeRedis}[role]
	if err := hold(write); err != nil {
		fmt.Println("failed:", err)
		return 1
	}
	return 0
}

func hold(write func(context.Context, uint64) error) error {
	ctx := context.Background()
	client, err := backend.Open(ctx, os.Getenv(locksVariable), &pawl.Options{TTL: pauseTTL})
	if err != nil {
		return err
	}
	lock, err := client.Lock(ctx, "stock:42")
	if err != nil {
		return err
	}
	if err := lock.Context().Err(); err != nil {
		return err
	}
	fmt.Println("held")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	fmt.Println("wrote:", write(ctx, lock.Token()))
	return nil
}

func writeRow(ctx context.Context, token uint64) error {
	db, err := sql.Open("sqlite", sqliteDSN(os.Getenv(shopVariable)))
	if err != nil {
		return err
	}
	defer db.Close()
	return stock.Update(ctx, db, 42, token, "num = ?", 50)
}

func writePut(ctx context.Context, token uint64) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, os.Getenv(shopVariable), http.NoBody)
	if err != nil {
		return err
	}
	fence.SetHeader(r, token)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	return fmt.Errorf("%s: %s", response.Status, strings.TrimSpace(string(text)))
}

// holder is a process that plays a role.
type holder struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

func startHolder(t *testing.T, role, locks, shop string) *holder {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), roleVariable+"="+role, locksVariable+"="+locks, shopVariable+"="+shop)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return &holder{t, cmd, in, bufio.NewScanner(out)}
}

// line waits for the next line that the process says.
func (h *holder) line() string {
	h.t.Helper()
	if !h.out.Scan() {
		h.t.Fatalf("the process ended: %v", h.out.Err())
	}
	return h.out.Text()
}

func (h *holder) signal(s syscall.Signal) {
	h.t.Helper()
	must(h.t, h.cmd.Process.Signal(s))
}

// goOn lets the process write and returns what it says of that.
func (h *holder) goOn() string {
	h.t.Helper()
	_, err := io.WriteString(h.in, "go\n")
	must(h.t, err)
	h.signal(syscall.SIGCONT)
	return h.line()
}

// takeOver pauses the process, which holds the lock, and returns the token with which
// this process gets it after the lease has run out.
func (h *holder) takeOver(locks string) uint64 {
	h.t.Helper()
	if got := h.line(); got != "held" {
		h.t.Fatal(got)
	}
	client, err := backend.Open(h.t.Context(), locks, &pawl.Options{TTL: pauseTTL})
	must(h.t, err)
	h.t.Cleanup(func() { must(h.t, client.Close(context.Background())) })
	if _, err := client.TryLock(h.t.Context(), "stock:42"); !errors.Is(err, pawl.ErrHeld) {
		h.t.Fatalf("the process holds the lock, but TryLock says %v", err)
	}
	h.signal(syscall.SIGSTOP)
	lock, err := client.Lock(h.t.Context(), "stock:42", pawl.Wait(30*time.Second))
	must(h.t, err)
	h.t.Cleanup(func() { _ = lock.Unlock() })
	return lock.Token()
}

// A process that is stopped past its lease and resumed after another has written is
// refused by the row.
func TestPausedHolderIsRefusedBySQL(t *testing.T) {
	t.Parallel()
	db := openShop(t)
	locks := "sqlite://" + filepath.Join(t.TempDir(), "locks.db")
	h := startHolder(t, "sql", locks, db.path)
	token := h.takeOver(locks)
	must(t, stock.Update(t.Context(), db, 42, token, "num = ?", 99))
	got := h.goOn()
	if !strings.Contains(got, fence.ErrStale.Error()) {
		t.Errorf("the paused process says %q, want %q in it", got, fence.ErrStale)
	}
	if diff := cmp.Diff(row{99, int64(token)}, readRow(t, db)); diff != "" {
		t.Errorf("row (-want +got):\n%s", diff)
	}
}

// The same, refused by the middleware with 412.
func TestPausedHolderIsRefusedByHTTP(t *testing.T) {
	t.Parallel()
	db := openShop(t)
	for name, store := range map[string]fence.Store{"memory": nil, "side table": guard.Store(db.DB)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var served []string
			h := fence.HTTP{Store: store}.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				served = append(served, r.Header.Get(fence.Header)) // one after another
			}))
			server := httptest.NewServer(h)
			t.Cleanup(server.Close)
			locks := "sqlite://" + filepath.Join(t.TempDir(), "locks.db")
			stopped := startHolder(t, "http", locks, server.URL+"/stock/42")
			token := stopped.takeOver(locks)
			if got := request(t, h, "/stock/42", fmt.Sprint(token)); got != 200 {
				t.Fatalf("newer token: %d", got)
			}
			got := stopped.goOn()
			if !strings.Contains(got, "412 Precondition Failed") || !strings.Contains(got, fence.ErrStale.Error()) {
				t.Errorf("the paused process says %q, want 412", got)
			}
			if diff := cmp.Diff([]string{fmt.Sprint(token)}, served); diff != "" {
				t.Errorf("served (-want +got):\n%s", diff)
			}
		})
	}
}
