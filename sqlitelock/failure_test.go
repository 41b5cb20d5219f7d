package sqlitelock_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/sqlitelock"
)

// blockWrites keeps the file locked as another program would, until the returned
// function is called.
func blockWrites(t *testing.T, path string) (release func()) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	return func() {
		if _, err := conn.ExecContext(context.Background(), "ROLLBACK"); err != nil {
			t.Error(err)
		}
		conn.Close()
		db.Close()
	}
}

func newDriver(t *testing.T, path string, opts *sqlitelock.Options) driver.Driver {
	t.Helper()
	d, err := sqlitelock.New(t.Context(), path, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// A lease that had to wait for the file longer than its TTL begins when it got at
// the file, on SQLite's clock and in what the holder is told.
func TestGrantAfterLongWrite(t *testing.T) {
	t.Parallel()
	path := tempFile(t)
	d := newDriver(t, path, nil)
	release := blockWrites(t, path)
	const ttl = 150 * time.Millisecond
	time.AfterFunc(2*ttl, release)
	start := time.Now()
	lease, err := d.Acquire(t.Context(), driver.Request{Name: "x", Holder: "h", TTL: ttl, NoWait: true})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	if now.Sub(start) < 2*ttl {
		t.Fatalf("granted after %v, while the file was locked", now.Sub(start))
	}
	if left := time.Until(lease.Until); left <= 0 || left > ttl {
		t.Errorf("trusted for another %v of %v", left, ttl)
	}
	state, err := d.(driver.Inspector).Inspect(t.Context(), "x")
	if err != nil || len(state.Holders) != 1 || state.Holders[0].Until.Before(lease.Until.Round(0)) {
		t.Errorf("the lease runs out before the trust in it at %v: %+v, %v", lease.Until, state, err)
	}
}

func TestBusyForTooLong(t *testing.T) {
	t.Parallel()
	path := tempFile(t)
	d := newDriver(t, path, &sqlitelock.Options{BusyTimeout: 50 * time.Millisecond})
	defer blockWrites(t, path)()
	_, err := d.Acquire(t.Context(), driver.Request{Name: "x", Holder: "h", TTL: time.Second, NoWait: true})
	if !errors.Is(err, driver.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err = d.Acquire(ctx, driver.Request{Name: "x", Holder: "h", TTL: time.Second})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the end of the context", err)
	}
}

// Whoever removes the file leaves two sets of locks, in the old file and in the new
// one: those of the old one are given up.
func TestFileReplaced(t *testing.T) {
	t.Parallel()
	path := tempFile(t)
	d := newDriver(t, path, nil)
	req := driver.Request{Name: "x", Holder: "h", TTL: time.Minute, NoWait: true}
	lease, err := d.Acquire(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	newDriver(t, path, nil)
	if renewal := d.Renew(t.Context(), []driver.Lease{lease})[0]; !errors.Is(renewal.Err, driver.ErrLost) {
		t.Errorf("renewed: %v", renewal.Err)
	}
	if _, err := d.Acquire(t.Context(), driver.Request{Name: "y", Holder: "i", TTL: time.Minute}); !errors.Is(err, driver.ErrUnavailable) {
		t.Errorf("granted in the old file: %v", err)
	}
}

// A grant that cannot be written is none.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	path := tempFile(t)
	d := newDriver(t, path, nil)
	note := make([]byte, 1000)
	for i := range note {
		note[i] = 'x'
	}
	if err := sqlitelock.LimitPages(d, 20); err != nil {
		t.Fatal(err)
	}
	var full error
	granted := 0
	for full == nil && granted < 1000 {
		name := string(rune('a'+granted%26)) + string(rune('0'+granted/26))
		_, full = d.Acquire(t.Context(), driver.Request{Name: name, Holder: name, TTL: time.Minute, Note: string(note), NoWait: true})
		if full == nil {
			granted++
		}
	}
	if !errors.Is(full, driver.ErrUnavailable) {
		t.Fatalf("after %d grants: %v", granted, full)
	}
	states, err := d.(driver.Inspector).List(t.Context(), "")
	if err != nil || len(states) != granted {
		t.Errorf("%d leases in the file after %d grants: %v", len(states), granted, err)
	}
}

// A place in line lives as long as whoever stands there, and not much longer: a
// place that is not refreshed is dropped when the line moves.
func TestPlacesAreRefreshed(t *testing.T) {
	t.Parallel()
	path := tempFile(t)
	holder, waiting := open(t, path), newDriver(t, path, nil)
	const placeTTL = time.Second
	sqlitelock.SetPlaceTTL(waiting, placeTTL)
	client, err := pawl.New(waiting, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close(t.Context())
	lock, err := holder.Lock(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan error, 1)
	go func() {
		got <- client.Do(t.Context(), "x", func(context.Context, *pawl.Lock) error { return nil })
	}()
	until := time.Now().Add(2 * placeTTL)
	for seen := false; time.Now().Before(until); {
		info, err := holder.Inspect(t.Context(), "x")
		if err != nil {
			t.Fatal(err)
		}
		if seen && len(info.Waiters) == 0 {
			t.Fatal("the place in line has run out")
		}
		seen = seen || len(info.Waiters) == 1
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err != nil {
		t.Fatal(err)
	}
}
