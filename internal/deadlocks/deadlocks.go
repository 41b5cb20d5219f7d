// Package deadlocks makes the known kinds of deadlocks happen on a real server. It never
// sleeps in the hope that a session waits by now: a further session looks until the
// server says so.
package deadlocks

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
)

// Table is the table that Provoke creates, and drops in the end.
const Table = "pawl_deadlock"

// A Kind is one way into a deadlock.
type Kind struct {
	Name string // as package sqlexplain names it
	Line string // what happens, in a line

	innodbOnly bool // PostgreSQL has no locks that could meet in that way
	steps      []step
}

// step is a statement of one of the sessions. One that waits is left waiting before the
// next step begins.
type step struct {
	session int
	query   string
	waits   bool
}

// Kinds returns the kinds that can happen on an engine: "mysql", "mariadb" or
// "postgresql".
func Kinds(engine string) []Kind {
	var kinds []Kind
	for _, k := range all(engine) {
		if engine != "postgresql" || !k.innodbOnly {
			kinds = append(kinds, k)
		}
	}
	return kinds
}

// Provoke makes a deadlock of the kind happen in the database of db, which needs five
// connections, and returns how many sessions the server has chosen as victims. Without a
// deadlock that is an error. Everything is rolled back and the table dropped.
//
// Where two waiters are let go at once, it may be that one runs through before the other
// has begun, and a server may take its time to tell who waits: then it tries again.
func Provoke(ctx context.Context, engine string, db *sql.DB, kind Kind) (victims int, err error) {
	for range tries {
		if victims, err = provoke(ctx, engine, db, kind); err == nil || ctx.Err() != nil {
			break
		}
	}
	return victims, err
}

const (
	tries = 4
	// patience is how long a try may take: the servers find a deadlock within a second.
	patience = 6 * time.Second
)

func provoke(ctx context.Context, engine string, db *sql.DB, kind Kind) (victims int, err error) {
	p := &provoker{engine: engine, look: db}
	for _, query := range append([]string{"DROP TABLE IF EXISTS " + Table}, setUp...) {
		if _, err := db.ExecContext(ctx, query); err != nil {
			return 0, fmt.Errorf("%s: %w", query, err)
		}
	}
	defer func() {
		p.close()
		_, dropped := db.ExecContext(context.WithoutCancel(ctx), "DROP TABLE "+Table)
		err = errors.Join(err, dropped)
	}()
	for range sessions {
		if err := p.open(ctx, db); err != nil {
			return 0, err
		}
	}
	return p.run(ctx, kind)
}

// sessions is how many sessions the steps name.
const sessions = 3

// provoker runs the steps.
type provoker struct {
	engine string
	look   *sql.DB
	conns  []*sql.Conn
	ids    []int64
}

func (p *provoker) open(ctx context.Context, db *sql.DB) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	p.conns = append(p.conns, conn)
	queries, identity := []string{"SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", "BEGIN"}, "SELECT CONNECTION_ID()"
	if p.engine == "postgresql" {
		queries, identity = []string{"SET enable_seqscan = off", "SET enable_bitmapscan = off", "BEGIN"}, "SELECT pg_backend_pid()"
	}
	for _, query := range queries {
		if _, err := conn.ExecContext(ctx, query); err != nil {
			return err
		}
	}
	var id int64
	err = conn.QueryRowContext(ctx, identity).Scan(&id)
	p.ids = append(p.ids, id)
	return err
}

// close ends the sessions and their transactions, and with them their settings.
func (p *provoker) close() {
	for _, conn := range p.conns {
		_, _ = conn.ExecContext(context.Background(), "ROLLBACK")
		if p.engine == "postgresql" {
			_, _ = conn.ExecContext(context.Background(), "RESET ALL")
		}
		_ = conn.Close()
	}
}

// run runs the steps of a kind and counts the victims among the sessions that wait.
func (p *provoker) run(ctx context.Context, kind Kind) (victims int, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ended := make(chan error)
	waiting := 0
	for i, s := range kind.steps {
		if !s.waits {
			if _, err = p.conns[s.session].ExecContext(ctx, s.query); err != nil {
				err = fmt.Errorf("step %d, %s: %w", i+1, s.query, err)
				break
			}
			continue
		}
		waiting++
		go func() {
			_, err := p.conns[s.session].ExecContext(ctx, s.query)
			ended <- err
		}()
		if i+1 < len(kind.steps) {
			if err = p.awaitWaiting(ctx, p.ids[s.session]); err != nil {
				err = fmt.Errorf("step %d, %s: %w", i+1, s.query, err)
				break
			}
		}
	}
	if err != nil {
		cancel()
	}
	for waiting > 0 {
		if IsDeadlock(<-ended) {
			victims++
		}
		waiting--
	}
	if err == nil && victims == 0 {
		err = fmt.Errorf("%s: the server has found no deadlock", kind.Name)
	}
	return victims, err
}

// awaitWaiting returns when the server says that the session waits for a lock.
func (p *provoker) awaitWaiting(ctx context.Context, id int64) error {
	for {
		waits, err := p.isWaiting(ctx, id)
		if err != nil || waits {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.New("it should wait for a lock, and does not")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// IsDeadlock reports whether a statement failed since its transaction was the victim of
// a deadlock.
func IsDeadlock(err error) bool {
	var my *mysql.MySQLError
	if errors.As(err, &my) {
		return my.Number == 1213
	}
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "40P01"
}
