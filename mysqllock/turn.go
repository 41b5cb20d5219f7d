package mysqllock

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base32"
	"sync"
	"time"
)

// hints are names of which this client has seen something when it last used them. They
// make a way shorter, and none wrong.
type hints struct {
	mu    sync.Mutex
	names map[string]bool
}

// maxHints bounds how many names are remembered: all are forgotten then.
const maxHints = 1 << 16

func (h *hints) has(name string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.names[name]
}

func (h *hints) set(name string, seen bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case !seen:
		delete(h.names, name)
		return
	case h.names == nil || len(h.names) >= maxHints:
		h.names = make(map[string]bool)
	}
	h.names[name] = true
}

// turn is the right of way of one client on a name that many clients change at once:
// without it each would overtake the others between their reading and their change. It is
// GET_LOCK with a short wait. Nothing depends on it: who does not get it in time goes on
// without, so that a client that was stopped in its turn costs the others that wait.
type turn struct {
	session *sql.Conn
	name    string
	waited  bool // others want the name too
}

// waitForTurn is some times what a reading and a change take.
const waitForTurn = 200 * time.Millisecond

// takeTurn returns when it is this client's turn on name, or soon after.
func (db *database) takeTurn(ctx context.Context, name string) (*turn, error) {
	session, err := db.pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	// Names of GET_LOCK are server-wide and have 64 characters on MySQL.
	sum := sha256.Sum256([]byte(db.config.DBName + "\x00" + db.table + "\x00" + name))
	t := &turn{session: session, name: "pawl=" + base32.StdEncoding.EncodeToString(sum[:20])}
	start := time.Now()
	if _, err := session.ExecContext(ctx, statement("turn"), t.name, waitForTurn.Seconds()); err != nil {
		discard(session)
		return nil, err
	}
	t.waited = time.Since(start) > time.Millisecond
	return t, nil
}

// end lets the next client in.
func (t *turn) end() {
	ctx, cancel := context.WithTimeout(context.Background(), waitForTurn)
	defer cancel()
	if _, err := t.session.ExecContext(ctx, statement("end_turn"), t.name); err != nil {
		discard(t.session)
	}
	_ = t.session.Close() // it may have been discarded
}
