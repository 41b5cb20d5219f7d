package pglock

import (
	"errors"
	"testing"
	"time"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/internal/sqlsession"
)

// An answer that is not what a session of ours gives is an error, which ends the session.
func TestSessionAnswers(t *testing.T) {
	t.Parallel()
	c := &sessionConn{pid: "7"}
	lock := sqlsession.Lock{Key: "1"}
	batch := func() *sqlsession.Batch {
		return &sqlsession.Batch{Unlock: []sqlsession.Lock{lock}, Try: []sqlsession.Lock{{Key: "2", Shared: true}, {Key: "3"}}, Tokens: make([]uint64, 2)}
	}
	good := batch()
	if err := c.read(good, []string{"7", "1", "30", "20"}); err != nil || good.Tokens[0] != 20 || good.Tokens[1] != 30 {
		t.Errorf("%v, tokens %v, want 20 of the shared lock and 30 of the other", err, good.Tokens)
	}
	if err := c.read(batch(), []string{"8", "1", "30", "20"}); !errors.Is(err, sqlsession.ErrGone) {
		t.Errorf("another process: %v, want %v", err, sqlsession.ErrGone)
	}
	for what, values := range map[string][]string{
		"nothing unlocked": {"7", "0", "30", "20"}, "short": {"7", "1", "30"}, "no token": {"7", "1", "30", ""}, "a huge token": {"7", "1", "30", "36028797018963968"},
	} {
		if err := c.read(batch(), values); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}

// Limits that a user has for statements do not end a wait.
func TestSessionWaitsBeyondTimeouts(t *testing.T) {
	t.Parallel()
	server := sessionTestServer(t)
	sessionFixture.NewUser(t, server.Addr, "hasty")
	sessionExec(t, sessionRaw(t, server.Addr), "ALTER ROLE hasty SET statement_timeout = '50ms'; ALTER ROLE hasty SET lock_timeout = '50ms'")
	d, holder := sessionOpen(t, sessionFixture.URL(server.Addr, "hasty")), sessionOpen(t, sessionURL(server.Addr))
	first := driver.Request{Name: "patience", Holder: "1", TTL: 300 * time.Millisecond}
	if _, err := holder.Acquire(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Acquire(t.Context(), driver.Request{Name: "patience", Holder: "2", TTL: 300 * time.Millisecond}); err != nil {
		t.Error(err)
	}
}
