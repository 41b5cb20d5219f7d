package lab

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/pawl-go/pawl/fence"
)

// Tries bounds the tries of a buyer whose work is undone for the sake of others. Fewer
// leave things undone that buyers want; more cost the database work for nothing.
const Tries = 100

// Retry tries up to tries times, as long as again accepts the error, and tells the buyer
// GaveUp after the last. Each further try is counted. The end of ctx ends it with the
// error of the last try.
func (e *Env) Retry(ctx context.Context, tries int, again func(error) bool, try func() (Answer, error)) (Answer, error) {
	for i := range tries {
		told, err := try()
		if err == nil || ctx.Err() != nil || !again(err) {
			return told, err
		}
		if i+1 < tries {
			e.retries.Add(1)
			backOff(i)
		}
	}
	return GaveUp, nil
}

// longestRest is how long a buyer stays away at most after a try for nothing. With less
// than many times what the work takes, those who have met would meet again: a fourth of it
// made an eighth as many transfers in the same time.
const longestRest = 400 * time.Millisecond

// Persist tries again after errors that again accepts, each time after a rest, for half of
// the time that ctx has: better to give up than to be found stuck.
func (e *Env) Persist(ctx context.Context, again func(error) bool, try func() (Answer, error)) (Answer, error) {
	end, _ := ctx.Deadline()
	end = end.Add(-time.Until(end) / 2)
	told, err := e.Retry(ctx, Tries, func(err error) bool {
		if !again(err) || time.Now().After(end) {
			return false
		}
		time.Sleep(rand.N(longestRest))
		return true
	}, try)
	if again(err) {
		return GaveUp, nil
	}
	return told, err
}

// backOff waits up to 1 ms longer after each try, and up to 20 ms: losers that come back
// together lose again.
func backOff(try int) {
	time.Sleep(rand.N(time.Duration(min(try+1, 20)) * time.Millisecond))
}

// ErrTooLate: the condition of an update did not hold any more.
var ErrTooLate = errors.New("too late")

// TooLate reports whether err is ErrTooLate.
func TooLate(err error) bool { return errors.Is(err, ErrTooLate) }

// OneRow returns ErrTooLate unless the update has changed a row.
func OneRow(result sql.Result, err error) error {
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	if err == nil && n == 0 {
		return ErrTooLate
	}
	return err
}

// Told turns what a write has returned into what the buyer is told: Bought, or the error.
func Told(err error) (Answer, error) {
	if err != nil {
		return "", err
	}
	return Bought, nil
}

// ForUpdate ends a SELECT that locks what it reads until the end of its transaction. On
// SQLite it is empty: every transaction of the lab is BEGIN IMMEDIATE there.
func (db *DB) ForUpdate() string {
	if db.Dialect == fence.SQLite {
		return ""
	}
	return " FOR UPDATE"
}

// LookForDeadlocks has PostgreSQL look for deadlocks after 20 ms in tx instead of 1 s,
// which would make a run take minutes. It does nothing where the user is not a superuser,
// who alone may ask for that, or with other databases.
func (db *DB) LookForDeadlocks(ctx context.Context, tx *sql.Tx) error {
	if db.Dialect != fence.PostgreSQL {
		return nil
	}
	_, err := tx.ExecContext(ctx, "SELECT set_config('deadlock_timeout', '20ms', true) FROM pg_roles WHERE rolname = current_user AND rolsuper")
	return err
}

// Querier is a database or a transaction.
type Querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Any reports whether a SELECT COUNT(*), written with question marks, finds anything.
func (db *DB) Any(ctx context.Context, query string, args ...any) (bool, error) {
	var n int
	err := db.QueryRowContext(ctx, db.SQL(query), args...).Scan(&n)
	return n > 0, err
}
