package mysqllock

import (
	"errors"
	"testing"

	"github.com/pawl-go/pawl/internal/sqlsession"
)

// An answer that is not what a session of ours gives is an error, which ends the session.
func TestSessionAnswers(t *testing.T) {
	t.Parallel()
	c := &sessionConn{id: "7"}
	batch := func() *sqlsession.Batch {
		return &sqlsession.Batch{Unlock: []sqlsession.Lock{{Key: "a"}}, Try: []sqlsession.Lock{{Key: "b"}, {Key: "c"}}, Tokens: make([]uint64, 2)}
	}
	good := batch()
	if err := c.read(good, [][]string{{"7", "1", "0", "30"}}); err != nil || good.Tokens[0] != 0 || good.Tokens[1] != 30 {
		t.Errorf("%v, tokens %v, want 0 and 30", err, good.Tokens)
	}
	if err := c.read(batch(), [][]string{{"8", "1", "0", "30"}}); !errors.Is(err, sqlsession.ErrGone) {
		t.Errorf("another connection: %v, want %v", err, sqlsession.ErrGone)
	}
	for what, row := range map[string][]string{
		"not released": {"7", "0", "0", "30"}, "no such lock": {"7", "NULL", "0", "30"}, "NULL": {"7", "1", "NULL", "30"}, "short": {"7", "1", "0"},
	} {
		if err := c.read(batch(), [][]string{row}); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}
