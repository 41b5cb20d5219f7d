package fence_test

import (
	"database/sql"
	"errors"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-go/pawl/fence"
)

func TestUpdate(t *testing.T) { onEveryEngine(t, update) }

func update(t *testing.T, s *shop) {
	tests := []struct {
		name   string
		stored any // token in the row
		key    int
		token  uint64
		want   error
		row    row
	}{
		{"first token", nil, 42, 7, nil, row{99, 7}},
		{"newer token", 6, 42, 7, nil, row{99, 7}},
		{"same token", 7, 42, 7, nil, row{99, 7}},
		{"older token", 8, 42, 7, fence.ErrStale, row{100, 8}},
		{"largest token", math.MaxInt64 - 1, 42, math.MaxInt64, nil, row{99, math.MaxInt64}},
		{"tokens that are equal as doubles", 1<<60 + 1, 42, 1 << 60, fence.ErrStale, row{100, 1<<60 + 1}},
		{"token of a slot", nil, 42, 0, fence.ErrNoToken, row{100, 0}},
		{"token of 64 bits", nil, 42, 1 << 63, fence.ErrInvalidToken, row{100, 0}},
		{"no such row", nil, 43, 7, fence.ErrNoRow, row{100, 0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			run(t, s, s.q("UPDATE stock SET num = 100, fence = ?"), tt.stored)
			err := s.stock.Update(t.Context(), s, tt.key, tt.token, s.q("num = num - ?"), 1)
			if !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			if diff := cmp.Diff(tt.row, readRow(t, s)); diff != "" {
				t.Errorf("row (-want +got):\n%s", diff)
			}
		})
	}
}

// Everything that database/sql offers takes a guarded update.
func TestUpdateThroughTxAndConn(t *testing.T) { onEveryEngine(t, updateThroughTxAndConn) }

func updateThroughTxAndConn(t *testing.T, s *shop) {
	tx, err := s.BeginTx(t.Context(), nil)
	must(t, err)
	must(t, s.stock.Update(t.Context(), tx, 42, 3, s.q("num = num - ?"), 1))
	must(t, tx.Rollback())
	if diff := cmp.Diff(row{100, 0}, readRow(t, s)); diff != "" {
		t.Errorf("after rollback (-want +got):\n%s", diff)
	}
	conn, err := s.Conn(t.Context())
	must(t, err)
	must(t, s.stock.Update(t.Context(), conn, 42, 2, s.q("num = num - ?"), 1))
	must(t, conn.Close())
	if diff := cmp.Diff(row{99, 2}, readRow(t, s)); diff != "" {
		t.Errorf("after conn (-want +got):\n%s", diff)
	}
}

func TestCheck(t *testing.T) { onEveryEngine(t, check) }

func check(t *testing.T, s *shop) {
	for range 2 { // the second changes nothing
		must(t, s.stock.Check(t.Context(), s, 42, 5))
	}
	if diff := cmp.Diff(row{100, 5}, readRow(t, s)); diff != "" {
		t.Errorf("row (-want +got):\n%s", diff)
	}
	if err := s.stock.Check(t.Context(), s, 42, 4); !errors.Is(err, fence.ErrStale) {
		t.Errorf("older token: %v", err)
	}
}

// A transaction that has read before a newer token came, and would go on reading the
// same, is refused.
func TestOlderSnapshot(t *testing.T) { onEveryEngine(t, olderSnapshot) }

func olderSnapshot(t *testing.T, s *shop) {
	must(t, s.stock.Check(t.Context(), s, 42, 5))
	must(t, s.guard.Store(s.DB).Raise(t.Context(), "r", 5))
	for name, check := range map[string]func(tx *sql.Tx) error{
		"row":        func(tx *sql.Tx) error { return s.stock.Check(t.Context(), tx, 42, 5) },
		"side table": func(tx *sql.Tx) error { return s.guard.Check(t.Context(), tx, "r", 5) },
	} {
		tx, err := s.BeginTx(t.Context(), nil)
		must(t, err)
		readRow(t, tx)
		must(t, s.stock.Check(t.Context(), s, 42, 9))
		must(t, s.guard.Store(s.DB).Raise(t.Context(), "r", 9))
		err = check(tx)
		// SQLite lets no transaction write that has read what is not true any more.
		if s.stock.Dialect == fence.SQLite && err == nil || s.stock.Dialect != fence.SQLite && !errors.Is(err, fence.ErrStale) {
			t.Errorf("%s: %v, want ErrStale", name, err)
		}
		must(t, tx.Rollback())
		run(t, s, "UPDATE stock SET fence = 5")
		run(t, s, "UPDATE pawl_fence SET token = 5")
	}
}

// An older holder wakes up after the newer one has read and before it has written. It
// is refused only because the newer one has shown its token before it read.
func TestCheckBeforeReadKeepsOlderWritesOut(t *testing.T) { onEveryEngine(t, checkBeforeRead) }

func checkBeforeRead(t *testing.T, s *shop) {
	for _, checks := range []bool{true, false} {
		run(t, s, "UPDATE stock SET num = 100, fence = NULL")
		older := readRow(t, s)
		if checks {
			must(t, s.stock.Check(t.Context(), s, 42, 8))
		}
		newer := readRow(t, s)
		err := s.stock.Update(t.Context(), s, 42, 7, s.q("num = ?"), older.Num-1)
		if checks != errors.Is(err, fence.ErrStale) {
			t.Errorf("checked first %t: the older write: %v", checks, err)
		}
		must(t, s.stock.Update(t.Context(), s, 42, 8, s.q("num = ?"), newer.Num-1))
	}
}

func TestStaleErrorNamesTokensAndRow(t *testing.T) {
	t.Parallel()
	db := openShop(t)
	must(t, stock.Check(t.Context(), db, 42, 5))
	err := stock.Check(t.Context(), db, 42, 4)
	want := "fence: stock 42: stale fencing token: 4 is older than 5"
	if err == nil || err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
}

// A mistake in the caller's SQL is an error and changes nothing.
func TestUpdateMisuse(t *testing.T) {
	t.Parallel()
	misspelt := stock
	misspelt.Key = "idd"
	tests := []struct {
		name string
		s    fence.SQL
		key  any
		set  string
		args []any
	}{
		{"no dialect", fence.SQL{Table: "stock", Key: "id", Token: "fence"}, 42, "num = 1", nil},
		{"no names", fence.SQL{Dialect: fence.SQLite}, 42, "num = 1", nil},
		{"key column misspelt, and its name as the key", misspelt, "idd", "num = 1", nil},
		{"value missing", stock, 42, "num = ?", nil},
		{"value too many", stock, 42, "num = 1", []any{1}},
		{"nothing to set", stock, 42, "", nil},
		{"condition swallowed by a comment", stock, 43, "num = 1 --", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			db := openShop(t)
			if err := tt.s.Update(t.Context(), db, tt.key, 1, tt.set, tt.args...); err == nil {
				t.Error("no error")
			}
			if diff := cmp.Diff(row{100, 0}, readRow(t, db)); diff != "" {
				t.Errorf("row (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUpdateOddNames(t *testing.T) {
	t.Parallel()
	db := openShop(t)
	run(t, db, "CREATE TABLE `a \"`` table` (`select` TEXT PRIMARY KEY, n INTEGER, `x;--` BIGINT)")
	run(t, db, "INSERT INTO `a \"`` table` VALUES ('k', 0, NULL)")
	odd := fence.SQL{Dialect: fence.SQLite, Table: "a \"` table", Key: "select", Token: "x;--"}
	must(t, odd.Update(t.Context(), db, "k", 2, "n = n + ?", 1))
	if err := odd.Update(t.Context(), db, "k", 1, "n = n + ?", 1); !errors.Is(err, fence.ErrStale) {
		t.Errorf("older token: %v", err)
	}
	main := fence.SQL{Dialect: fence.SQLite, Table: "main.stock", Key: "id", Token: "fence"}
	must(t, main.Check(t.Context(), db, 42, 1))
}

func TestUpdateOfSeveralRowsIsReported(t *testing.T) {
	t.Parallel()
	db := openShop(t)
	run(t, db, "INSERT INTO stock (id, num) VALUES (43, 100)")
	s := fence.SQL{Dialect: fence.SQLite, Table: "stock", Key: "num", Token: "fence"}
	err := s.Update(t.Context(), db, 100, 1, "num = 5")
	if err == nil || !strings.Contains(err.Error(), "no key") {
		t.Errorf("error %v, want one that says that the column is no key", err)
	}
}

// However writers run side by side, an older token never writes after a newer one.
func TestConcurrentWriters(t *testing.T) { onEveryEngine(t, concurrentWriters) }

func concurrentWriters(t *testing.T, s *shop) {
	s.keepJournal(t)
	const writers, writes = 8, 20
	var group sync.WaitGroup
	for w := range uint64(writers) {
		group.Go(func() {
			for i := range uint64(writes) {
				err := s.stock.Update(t.Context(), s, 42, 1+w+i*writers, s.q("num = num + ?"), 1)
				if err != nil && !errors.Is(err, fence.ErrStale) {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	tokens := s.written(t, "token")
	for i, token := range tokens {
		if i > 0 && token < tokens[i-1] {
			t.Fatalf("token %d wrote after %d", token, tokens[i-1])
		}
	}
	if got, want := readRow(t, s), (row{100 + len(tokens), writers * writes}); got != want {
		t.Errorf("row %v, want %v", got, want)
	}
}
