package testlock

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/internal/testserver"
)

// Quick locks name and gives it back.
func Quick(ctx context.Context, c *pawl.Client, name string) error {
	return c.Do(ctx, name, func(context.Context, *pawl.Lock) error { return nil })
}

// ServerHangs checks that a server that hangs ends no call of c late, loses the lock by the
// trust deadline and not by its answer, and leaves nothing behind when it goes on.
func ServerHangs(t *testing.T, c *pawl.Client, server *testserver.Process) {
	t.Helper()
	lock := Lock(t, c, "x", pawl.TTL(time.Second))
	until := lock.Until()
	server.Pause(t)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := c.Lock(ctx, "y"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the end of the context", err)
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("a context of 200 ms ended the call after %v", took)
	}
	<-lock.Context().Done()
	if late := time.Since(until); late > time.Second {
		t.Errorf("told %v after the trust deadline", late)
	}
	server.Resume(t)
	Must(t, Quick(t.Context(), c, "y"))
	Must(t, Quick(t.Context(), c, "x"))
}

// LostReply checks that an acquisition whose reply is lost leaves neither holder nor
// waiter, well before its TTL, and that its error is not the end of a context that has not
// ended. through goes by way of proxy, and witness does not.
func LostReply(t *testing.T, through, witness *pawl.Client, proxy *testserver.Proxy) {
	t.Helper()
	Must(t, Quick(t.Context(), through, "x"))
	proxy.DropReplies(true)
	if _, err := through.TryLock(t.Context(), "x"); !errors.Is(err, pawl.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want ErrUnavailable, and not the end of a context", err)
	}
	proxy.DropReplies(false)
	proxy.Cut()
	start := time.Now()
	Must(t, Quick(t.Context(), witness, "x"))
	if took := time.Since(start); took > pawl.DefaultTTL*2/3 {
		t.Errorf("free after %v: its TTL is %v", took, pawl.DefaultTTL)
	}
}

// Levels returns how bad each thing is that the Check of d has looked at.
func Levels(t *testing.T, d driver.Driver) map[string]driver.Level {
	t.Helper()
	findings, err := d.(driver.Checker).Check(t.Context())
	Must(t, err)
	worst := make(map[string]driver.Level)
	for _, f := range findings {
		t.Logf("%s %s: %s", f.Level, f.What, f.Text)
		worst[f.What] = max(worst[f.What], f.Level)
	}
	return worst
}

// Levels is the function of that name for the driver of rawURL.
func (o Opener) Levels(t *testing.T, rawURL string) map[string]driver.Level {
	t.Helper()
	return Levels(t, o.Driver(t, rawURL))
}
