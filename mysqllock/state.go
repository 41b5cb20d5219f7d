package mysqllock

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/pawl-go/pawl/driver"
)

// Kinds of rows.
const (
	kindLock   = -1 // the row of the name
	kindWaiter = 0
	kindLease  = 1
	kindMark   = 2
)

// headOfLine is how many waiters are read at once, as state.sql says. More of them only
// matter when so many readers, or places of dead clients, are at the head.
const headOfLine = 16

// row is what either table knows of a holder.
type row struct {
	kind           int
	holder, client string
	mode           driver.Mode
	slots          int
	ttl            int64
	owner, note    string
	token          int64
	since, until   int64
	claimed        bool
	broken         bool
}

// plain reports whether r is an exclusive lease, which is kept in the row of the name.
func (r *row) plain() bool { return r.mode == driver.Exclusive && r.slots == 0 }

// state is a name as it was read, what has been decided on it since, and the changes that
// follow from that. Nothing is locked meanwhile: the changes are made if nobody else has
// made any, and are decided anew otherwise. So a client that is stopped here stops nobody.
type state struct {
	name    string
	sent    time.Time // when the reading was sent
	now     int64     // the server's clock, when it was read
	version int64
	marked  int64
	line    bool
	lock    row   // the exclusive holder, whose id is empty when there is none; the last token
	leases  []row // shared leases and permits
	waiters []row // the head of the line
	more    bool  // there may be more of them

	// Of the holder ids in question: until when their marks count, and who waits further
	// behind.
	marks  map[string]int64
	behind map[string]bool

	dirty   bool
	changes []change
	granted []row // waiters that were granted
}

// change is a statement on the table of the lines.
type change struct {
	statement string
	args      []any
}

var (
	// errConflict: somebody else has changed the name since it was read.
	errConflict = errors.New("changed meanwhile")
	// errNoRow: nobody has used the name yet.
	errNoRow = errors.New("no such name")
)

// wake tells the waiters that were granted, each on its client's bell, or here.
func (c *conn) wake(granted []row) {
	told := make(map[string]bool)
	for _, w := range granted {
		switch {
		case w.client == c.client:
			c.watch.wake(w.holder)
		case !told[w.client]:
			told[w.client] = true
			c.background(func() { c.ring(w.client) })
		}
	}
}

// read reads what is known of name, and of what holders have there.
func (db *database) read(ctx context.Context, on querier, name string, holders []any) (*state, error) {
	s := &state{name: name, sent: time.Now(), marks: make(map[string]int64), behind: make(map[string]bool)}
	n := []byte(name)
	query := db.text("state", "{holders}", list(len(holders), "?"))
	err := each(ctx, on, query, append([]any{n, n, n, n}, holders...), s.scan)
	if err == nil && s.version == 0 {
		err = errNoRow
	}
	s.more = len(s.waiters) == headOfLine
	return s, err
}

func (s *state) scan(rows *sql.Rows) error {
	var r row
	var version, marked, now int64
	var line bool
	err := rows.Scan(&r.kind, &r.holder, &r.client, &r.mode, &r.slots, &r.ttl, &r.owner, &r.note,
		&r.token, &r.since, &r.until, &r.claimed, &r.broken, &version, &line, &marked, &now)
	switch {
	case err != nil:
	case r.kind == kindLock:
		s.lock, s.version, s.line, s.marked, s.now = r, version, line, marked, now
	default:
		s.add(r)
	}
	return err
}

// add sorts r in. The rows of the holder ids in question come last, and mostly once more.
func (s *state) add(r row) {
	same := func(known row) bool { return known.holder == r.holder }
	switch {
	case slices.ContainsFunc(s.leases, same) || slices.ContainsFunc(s.waiters, same):
	case r.kind == kindLease:
		s.leases = append(s.leases, r)
	case r.kind == kindMark:
		s.marks[r.holder] = r.until
	case len(s.waiters) < headOfLine:
		s.waiters = append(s.waiters, r)
	default:
		s.behind[r.holder] = true
	}
}

// save makes the changes, in one round trip: either all of them or, when the name has
// changed since it was read, none.
func (db *database) save(ctx context.Context, on querier, s *state) error {
	if !s.dirty && len(s.changes) == 0 {
		return nil
	}
	s.line = s.more || len(s.leases)+len(s.waiters) > 0
	l := &s.lock
	args := []any{l.token, []byte(l.holder), []byte(l.client), l.ttl, []byte(l.owner), []byte(l.note),
		l.since, l.until, l.claimed, l.broken, s.line, s.marked, []byte(s.name), s.version}
	if len(s.changes) == 0 {
		result, err := on.ExecContext(ctx, db.texts["save"], args...)
		if err != nil {
			return err
		}
		if saved, err := result.RowsAffected(); err != nil || saved == 0 {
			return errors.Join(errConflict, err)
		}
		return nil
	}
	if session, ok := on.(*sql.Conn); ok {
		return db.saveAll(ctx, session, s.changes, args)
	}
	session, err := db.pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = session.Close() }()
	return db.saveAll(ctx, session, s.changes, args)
}

// saveAll is a transaction whose statements are sent together, so that its row locks
// last for as long as the server works on them, whatever becomes of this process.
func (db *database) saveAll(ctx context.Context, session *sql.Conn, changes []change, args []any) error {
	script := "START TRANSACTION; " + db.texts["save"] + "; SET @pawl = ROW_COUNT(); "
	for _, c := range changes {
		script += db.texts[c.statement] + "; "
		args = append(args, c.args...)
	}
	script += "COMMIT; SELECT @pawl"
	var saved int
	if err := session.QueryRowContext(ctx, script, args...).Scan(&saved); err != nil {
		discard(session) // the transaction may be open: the end of the connection ends it
		return err
	}
	if saved == 0 {
		return errConflict
	}
	return nil
}
