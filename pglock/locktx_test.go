package pglock_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/pglock"
)

// begin begins a transaction on a connection of its own.
func begin(tb testing.TB, url string) pgx.Tx {
	tb.Helper()
	tx, err := connect(tb, url).Begin(tb.Context())
	must(tb, err)
	tb.Cleanup(func() { _ = tx.Rollback(context.Background()) })
	return tx
}

// alive checks that the transaction goes on, with its own lock_timeout.
func alive(tb testing.TB, tx pgx.Tx) {
	tb.Helper()
	var timeout string
	must(tb, tx.QueryRow(tb.Context(), "SHOW lock_timeout").Scan(&timeout))
	if timeout != "7s" {
		tb.Errorf("lock_timeout is %s, was 7s", timeout)
	}
}

func TestLockTx(t *testing.T) {
	t.Parallel()
	url := database(t)
	for what, end := range map[string]func(pgx.Tx, context.Context) error{"commit": pgx.Tx.Commit, "rollback": pgx.Tx.Rollback} {
		one, two := begin(t, url), begin(t, url)
		_, err := two.Exec(t.Context(), "SET LOCAL lock_timeout = '7s'")
		must(t, err)
		must(t, pglock.LockTx(t.Context(), one, "fact.orders"))
		must(t, pglock.LockTx(t.Context(), one, "fact.orders")) // its own
		for how, opt := range map[string]pglock.TxOption{"no wait": pglock.TxNoWait(), "a wait": pglock.TxWait(50 * time.Millisecond)} {
			if err := pglock.LockTx(t.Context(), two, "fact.orders", opt); !errors.Is(err, driver.ErrHeld) {
				t.Errorf("LockTx with %s: %v, want ErrHeld", how, err)
			}
			alive(t, two)
		}
		must(t, pglock.LockTx(t.Context(), two, "another", pglock.TxWait(time.Second)))
		alive(t, two)
		got := make(chan error, 1)
		go func() { got <- pglock.LockTx(t.Context(), two, "fact.orders", pglock.TxWait(20*time.Second)) }()
		eventually(t, "a wait for "+what, func() bool { return blocked(t, url) })
		must(t, end(one, t.Context()))
		must(t, <-got)
		alive(t, two)
		must(t, two.Rollback(t.Context()))
	}
}

// blocked reports whether somebody waits for an advisory lock.
func blocked(tb testing.TB, url string) (is bool) {
	tb.Helper()
	conn, err := pgx.Connect(tb.Context(), url)
	must(tb, err)
	defer func() { _ = conn.Close(context.Background()) }()
	must(tb, conn.QueryRow(tb.Context(), `SELECT EXISTS (SELECT FROM pg_locks l WHERE locktype = 'advisory' AND NOT granted
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`).Scan(&is))
	return is
}

func TestLockTxShared(t *testing.T) {
	t.Parallel()
	url := database(t)
	one, two, writer := begin(t, url), begin(t, url), begin(t, url)
	must(t, pglock.LockTx(t.Context(), one, "catalogue", pglock.TxShared()))
	must(t, pglock.LockTx(t.Context(), two, "catalogue", pglock.TxShared(), pglock.TxNoWait()))
	if err := pglock.LockTx(t.Context(), writer, "catalogue", pglock.TxNoWait()); !errors.Is(err, driver.ErrHeld) {
		t.Errorf("a writer beside readers: %v", err)
	}
	must(t, one.Rollback(t.Context()))
	must(t, two.Rollback(t.Context()))
	must(t, pglock.LockTx(t.Context(), writer, "catalogue", pglock.TxNoWait()))
	if err := pglock.LockTx(t.Context(), begin(t, url), "catalogue", pglock.TxShared(), pglock.TxNoWait()); !errors.Is(err, driver.ErrHeld) {
		t.Errorf("a reader beside a writer: %v", err)
	}
}

// All or none: what was taken before the one that is held is free again, and the
// transaction keeps what it had before.
func TestLockAllTx(t *testing.T) {
	t.Parallel()
	url := database(t)
	wants := []pglock.TxWant{{Name: "b"}, {Name: "a", Shared: true}, {Name: "c"}, {Name: "a"}, {Name: "b"}}
	for how, opt := range map[string]pglock.TxOption{"no wait": pglock.TxNoWait(), "a wait": pglock.TxWait(50 * time.Millisecond)} {
		for _, held := range []string{"a", "b", "c"} {
			holder, tx, witness := begin(t, url), begin(t, url), begin(t, url)
			must(t, pglock.LockTx(t.Context(), holder, held))
			must(t, pglock.LockTx(t.Context(), tx, "before"))
			if err := pglock.LockAllTx(t.Context(), tx, wants, opt); !errors.Is(err, driver.ErrHeld) {
				t.Errorf("with %s while %s is held: %v", how, held, err)
			}
			must(t, holder.Rollback(t.Context()))
			must(t, pglock.LockAllTx(t.Context(), witness, wants, pglock.TxNoWait()))
			if err := pglock.LockTx(t.Context(), witness, "before", pglock.TxNoWait()); !errors.Is(err, driver.ErrHeld) {
				t.Errorf("what the transaction had before: %v", err)
			}
			must(t, tx.Rollback(t.Context()))
			must(t, witness.Rollback(t.Context()))
		}
	}
}

// Callers that name the same locks in opposite orders never wait for each other.
func TestLockAllTxOppositeOrders(t *testing.T) {
	t.Parallel()
	url := database(t)
	ends := make(chan error, 2)
	for _, wants := range [][]pglock.TxWant{{{Name: "a"}, {Name: "b"}}, {{Name: "b"}, {Name: "a"}}} {
		conn := connect(t, url)
		go func() {
			ends <- func() error {
				for range 100 {
					if err := pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error {
						return pglock.LockAllTx(t.Context(), tx, wants)
					}); err != nil {
						return err
					}
				}
				return nil
			}()
		}()
	}
	for range 2 {
		must(t, <-ends)
	}
}

func TestLockTxInvalidName(t *testing.T) {
	t.Parallel()
	tx := begin(t, database(t))
	for _, name := range []string{"", strings.Repeat("x", 513), "a\xff"} {
		if err := pglock.LockTx(t.Context(), tx, name); !errors.Is(err, driver.ErrInvalidName) {
			t.Errorf("LockTx(%q): %v", name, err)
		}
	}
}

// The locks of a client that dies are free at once.
func TestLockTxOfTheDead(t *testing.T) {
	t.Parallel()
	url := database(t)
	one, two := begin(t, url), begin(t, url)
	must(t, pglock.LockTx(t.Context(), one, "x"))
	must(t, one.Conn().Close(t.Context()))
	must(t, pglock.LockTx(t.Context(), two, "x", pglock.TxWait(10*time.Second)))
}

// A transaction of database/sql does as well.
func TestLockTxSQL(t *testing.T) {
	t.Parallel()
	url := database(t)
	one, err := openSQL(t, url).BeginTx(t.Context(), nil)
	must(t, err)
	two := begin(t, url)
	must(t, pglock.LockTx(t.Context(), pglock.SQLTx(one), "x", pglock.TxWait(time.Second)))
	if err := pglock.LockTx(t.Context(), two, "x", pglock.TxNoWait()); !errors.Is(err, driver.ErrHeld) {
		t.Errorf("while the other has it: %v", err)
	}
	must(t, one.Commit())
	must(t, pglock.LockTx(t.Context(), two, "x", pglock.TxNoWait()))
	three, err := openSQL(t, url).BeginTx(t.Context(), nil)
	must(t, err)
	if err := pglock.LockTx(t.Context(), pglock.SQLTx(three), "x", pglock.TxWait(50*time.Millisecond)); !errors.Is(err, driver.ErrHeld) {
		t.Errorf("a bounded wait: %v", err)
	}
	must(t, pglock.LockTx(t.Context(), pglock.SQLTx(three), "y")) // the transaction goes on
	must(t, three.Rollback())
}
