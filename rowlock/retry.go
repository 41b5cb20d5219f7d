package rowlock

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// How often and how fast something is run again. The pause before the nth time is a
// random one up to firstPause<<n, and up to longestPause ("full jitter" of
// aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter): those that have
// collided must not collide again. Ten attempts wait for 0.6 s on average.
const (
	defaultAttempts = 10
	firstPause      = 5 * time.Millisecond
	longestPause    = 250 * time.Millisecond
)

// Option changes how [Update] and [Retry] go about it.
type Option func(*policy)

type policy struct{ attempts int }

// Attempts sets how often it is tried before ErrConflict, the first time included;
// less than 1 is 1. The default is 10, which wait for about 0.6 s in between.
func Attempts(n int) Option { return func(p *policy) { p.attempts = max(n, 1) } }

func newPolicy(options []Option) policy {
	p := policy{attempts: defaultAttempts}
	for _, set := range options {
		set(&p)
	}
	return p
}

// run calls attempt until it succeeds or running it again would not help.
func (p policy) run(ctx context.Context, attempt func() error) error {
	for n := 1; ; n++ {
		err := attempt()
		switch {
		case err == nil || !again(err):
			return err
		case n >= p.attempts && errors.Is(err, ErrConflict):
			return fmt.Errorf("after %d attempts: %w", n, err)
		case n >= p.attempts:
			return fmt.Errorf("%w after %d attempts: %w", ErrConflict, n, err)
		}
		if ended := pause(ctx, n); ended != nil {
			return fmt.Errorf("%w after %d attempts: %w", ended, n, err)
		}
	}
}

// pause waits after the nth attempt.
func pause(ctx context.Context, n int) error {
	limit := min(firstPause<<min(n-1, 16), longestPause)
	timer := time.NewTimer(rand.N(limit) + 1)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Beginner begins transactions: a *sql.DB or *sql.Conn.
type Beginner interface {
	// BeginTx begins a transaction that ends with ctx at the latest.
	BeginTx(ctx context.Context, opts *sql.TxOptions) (*sql.Tx, error)
}

// Retry runs fn in a transaction and commits it. When the database ends the transaction
// for another's sake (a deadlock, a serialization failure, a lock timeout), it rolls all
// of it back and runs fn again, after a short random pause, 10 times or as [Attempts]
// says. opts may be nil.
//
// fn must not commit or roll back, must do nothing outside the transaction that cannot
// be done twice, and must return the errors that it gets (wrapped with %w, if at all):
// MySQL goes on without a transaction after a deadlock that was swallowed. When fn
// panics, the transaction is rolled back.
//
// What fn returns for reasons of its own is returned as it is, after a rollback. A row
// that [For] could not have within NoWait or Wait is such a reason: that was an answer.
//
// Errors: ErrConflict when no attempt was left; ErrAmbiguous when the connection was
// lost during COMMIT, which is never tried again; the end of ctx; and those of fn and of
// the database. After any of them but ErrAmbiguous nothing was changed.
func Retry(ctx context.Context, db Beginner, opts *sql.TxOptions, fn func(tx *sql.Tx) error, options ...Option) error {
	begin := func(ctx context.Context) (stdTx, error) {
		tx, err := db.BeginTx(ctx, opts)
		return stdTx{tx}, err
	}
	return RetryTx(ctx, begin, func(tx stdTx) error { return fn(tx.Tx) }, options...)
}

// Transaction is a transaction of a client such as pgx.
type Transaction interface {
	// Commit ends it and keeps what it has done.
	Commit(ctx context.Context) error
	// Rollback ends it and undoes what it has done.
	Rollback(ctx context.Context) error
}

// stdTx is a transaction of database/sql.
type stdTx struct{ *sql.Tx }

func (tx stdTx) Commit(context.Context) error   { return tx.Tx.Commit() }
func (tx stdTx) Rollback(context.Context) error { return tx.Tx.Rollback() }

// RetryTx is [Retry] for the transactions of any client; begin begins one.
func RetryTx[T Transaction](ctx context.Context, begin func(ctx context.Context) (T, error), fn func(tx T) error, options ...Option) error {
	return newPolicy(options).run(ctx, func() error { return inTransaction(ctx, begin, fn) })
}

// rollbackTimeout bounds the rollback after ctx has ended. When it fails, the client
// closes the connection, and the server rolls back then.
const rollbackTimeout = 5 * time.Second

func inTransaction[T Transaction](ctx context.Context, begin func(ctx context.Context) (T, error), fn func(tx T) error) error {
	tx, err := begin(ctx)
	if err != nil {
		return err
	}
	committing := false
	defer func() { // after a panic and runtime.Goexit too
		if !committing {
			clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
			defer cancel()
			_ = tx.Rollback(clean)
		}
	}()
	if err := fn(tx); err != nil {
		return err
	}
	if ctx.Err() != nil { // asked here, so that it leaves nothing open
		return context.Cause(ctx)
	}
	committing = true
	if err := tx.Commit(ctx); lost(err) {
		return fmt.Errorf("rowlock: commit: %w: %w", ErrAmbiguous, err)
	} else if err != nil {
		return fmt.Errorf("rowlock: commit: %w", err)
	}
	return nil
}
