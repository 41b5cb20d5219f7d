package mysqllock

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"
)

// bell is how a client that waits is woken by another, on a server that has no
// notifications. The client has one connection, the sleeper, that holds a name of the
// client's with GET_LOCK, and waits for another, its bed, which a second connection of the
// client keeps. Who grants a lock to that client ends this waiting: KILL QUERY of the
// connection that holds the name. The statement that waits does so only while as many stand
// in line as the sleeper has just seen, so that no grant falls between looking and sleeping.
// (Two statements sent together would not do: a ring between them leaves the client waiting
// for the answer to the second, on both engines.)
//
// SLEEP would need no second connection, but all of MariaDB's sleepers share one mutex, and a
// KILL that meets another there takes two seconds, in which nobody sleeps or wakes.
//
// A bell is a hint. Where it is not heard, the watcher's own looks find the grant.
type bell struct {
	conn *conn

	mu      sync.Mutex
	running bool
	wanted  chan struct{}
}

const (
	// nap is how long one sleep is. Nothing depends on it: a shorter one costs statements,
	// and a longer one leaves a server's thread behind for longer when the client dies.
	nap = 5 * time.Second
	// idleBell is for how long a bell whose client does not wait is kept: it costs the
	// next wait some milliseconds to hang up another.
	idleBell = 20 * time.Second
	// bellAgain is the pause after a failure.
	bellAgain = time.Second
)

// bellName is the name that the sleeper of a client holds, and bedName the one that it
// waits for. They fit into the 64 characters of MySQL.
func bellName(client string) string { return "pawl:" + client }

func bedName(client string) string { return "pawl~" + client }

// ring wakes a client. Nothing is lost when it fails.
func (c *conn) ring(client string) {
	ctx, cancel := context.WithTimeout(context.Background(), c.db.timeout)
	defer cancel()
	_, _ = c.db.exec(ctx, "ring", bellName(client))
}

// attend says that somebody waits.
func (b *bell) attend() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.running {
		signal(b.wanted)
		return
	}
	b.wanted = make(chan struct{}, 1)
	signal(b.wanted)
	b.running = b.conn.background(b.run)
}

// run listens until nobody has waited for a while.
func (b *bell) run() {
	for b.listen() != nil {
		select {
		case <-time.After(bellAgain):
			signal(b.wanted)
		case <-b.conn.life.Done():
			return
		}
	}
}

// listen hangs up a bell and listens to it. It returns nil when it is not needed any more.
func (b *bell) listen() error {
	life := b.conn.life
	bed, err := b.hold(life, bedName(b.conn.client))
	if err != nil {
		return err
	}
	defer end(bed)
	session, err := b.hold(life, bellName(b.conn.client))
	if err != nil {
		return err
	}
	defer end(session)
	idle := time.NewTimer(idleBell)
	defer idle.Stop()
	for {
		select {
		case <-b.wanted:
		case <-life.Done():
			return nil
		case <-idle.C:
			if b.takeDown() {
				return nil
			}
		}
		idle.Reset(idleBell)
		for waiting := true; waiting; waiting = len(b.conn.watch.waiting()) > 0 {
			if err := b.sleep(life, session); err != nil {
				return err
			}
		}
	}
}

// takeDown ends the running, unless somebody has begun to wait.
func (b *bell) takeDown() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.running = len(b.wanted) > 0
	return !b.running
}

// hold returns a connection that holds name.
func (b *bell) hold(life context.Context, name string) (*sql.Conn, error) {
	ctx, cancel := context.WithTimeout(life, b.conn.db.timeout)
	defer cancel()
	session, err := b.conn.db.pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	var got sql.NullInt64
	err = session.QueryRowContext(ctx, statement("attend"), name).Scan(&got)
	if err == nil && got.Int64 == 1 {
		return session, nil
	}
	end(session)
	return nil, errors.Join(fmt.Errorf("%s is taken: %v", name, got), err)
}

// end ends a connection that holds a name.
func end(session *sql.Conn) {
	discard(session)
	_ = session.Close() // it is discarded already
}

// errNoBed: the connection that kept the bed has ended.
var errNoBed = errors.New("the sleeper does not have to wait")

// sleep looks, and sleeps until the bell is rung or the nap is over.
func (b *bell) sleep(life context.Context, session *sql.Conn) error {
	ctx, cancel := context.WithTimeout(life, nap+b.conn.db.timeout)
	defer cancel()
	watch := b.conn.watch
	before := watch.waiting()
	db, client := b.conn.db, []byte(b.conn.client)
	var s sight
	if err := each(ctx, session, db.texts["look"], []any{client}, s.scan); err != nil {
		return awake(err) // rung while it looked: it looks again
	}
	watch.act(before, &s)
	args := []any{bedName(b.conn.client), nap.Seconds(), client, len(s.left)}
	return awake(each(ctx, session, db.texts["sleep"], args, func(rows *sql.Rows) error {
		var got sql.NullInt64 // NULL is how MariaDB tells of a ring
		if err := rows.Scan(&got); err != nil || got.Int64 == 0 {
			return err
		}
		return errNoBed
	}))
}

// awake is nil for the error of a statement that a ring has ended.
func awake(err error) error {
	if number(err) == errInterrupted || errors.Is(err, errCutShort) {
		return nil
	}
	return err
}
