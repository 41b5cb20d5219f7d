package sqlexplain_test

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pawl-go/pawl/sqlexplain"
)

// session is a connection with a transaction that has changed row id.
func session(t *testing.T, d *database) *sql.Conn {
	t.Helper()
	conn, err := d.db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = conn.ExecContext(context.Background(), "ROLLBACK")
		_ = conn.Close()
	})
	exec(t, conn, "BEGIN")
	return conn
}

// update waits for row id in the background.
func update(t *testing.T, conn *sql.Conn, id int) <-chan error {
	t.Helper()
	return inBackground(t, conn, fmt.Sprintf("UPDATE t SET n = 0 WHERE id = %d", id))
}

// inBackground runs a statement that may have to wait, and tells when it has ended.
func inBackground(t *testing.T, conn *sql.Conn, statement string) <-chan error {
	t.Helper()
	ended := make(chan error, 1)
	go func() {
		_, err := conn.ExecContext(context.WithoutCancel(t.Context()), statement)
		ended <- err
	}()
	return ended
}

// await looks until ok. InnoDB looks at a copy of its transactions that is renewed only when
// nobody has looked for 0.1 s, so one that has just begun may be missing there at first.
func await(t *testing.T, s *sqlexplain.Server, ok func([]sqlexplain.Session) bool) []sqlexplain.Session {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		sessions, err := s.Waits(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if ok(sessions) {
			return sessions
		}
		select {
		case <-ctx.Done():
			t.Fatalf("waits %+v", sessions)
		case <-time.After(150 * time.Millisecond):
		}
	}
}

// TestWaits: a holds row 10 and is idle, b holds 20 and waits for 10, c waits for 20.
func TestWaits(t *testing.T) {
	onEngines(t, func(t *testing.T, engine string) {
		d := newDatabase(t, engine, stockTable(engine)...)
		s := d.open(t)
		here := func(all []sqlexplain.Session) (mine []sqlexplain.Session) {
			for _, w := range all {
				if u := d.name(); w.DB == u {
					mine = append(mine, w)
				}
			}
			return mine
		}
		a, b, c := session(t, d), session(t, d), session(t, d)
		exec(t, a, "UPDATE t SET n = 0 WHERE id = 10")
		exec(t, b, "UPDATE t SET n = 0 WHERE id = 20")
		bEnded := update(t, b, 10)
		await(t, s, func(w []sqlexplain.Session) bool { return len(here(w)) == 2 })
		cEnded := update(t, c, 20)
		got := here(await(t, s, func(w []sqlexplain.Session) bool {
			mine := here(w)
			return len(mine) == 3 && mine[0].Transaction > 0
		}))
		root, first, second := got[0], got[1], got[2]
		if len(root.BlockedBy) != 0 || !root.Idle || root.WaitsFor != "" || root.Root != root.ID || root.Transaction <= 0 {
			t.Errorf("root %+v", root)
		}
		for _, w := range []sqlexplain.Session{first, second} {
			if w.Root != root.ID || w.Idle || w.WaitsFor == "" || w.Mode == "" || w.Statement == "" || w.Waited < 0 {
				t.Errorf("waiter %+v", w)
			}
		}
		if first.BlockedBy[0] != root.ID || second.BlockedBy[0] != first.ID {
			t.Errorf("%v waits for %v, %v for %v, want a chain from %v", first.ID, first.BlockedBy, second.ID, second.BlockedBy, root.ID)
		}
		exec(t, a, "ROLLBACK")
		if err := <-bEnded; err != nil {
			t.Error(err)
		}
		exec(t, b, "ROLLBACK")
		if err := <-cEnded; err != nil {
			t.Error(err)
		}
		await(t, s, func(w []sqlexplain.Session) bool { return len(here(w)) == 0 })
	})
}

// TestWaitsForDefinition: an ALTER TABLE behind an open transaction, and a read behind the
// ALTER, which has nothing in common with the transaction but waits for it as well.
func TestWaitsForDefinition(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"mysql", "postgresql"} { // MariaDB shows InnoDB's locks only
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t, engine, stockTable(engine)...)
			s := d.open(t)
			here := func(all []sqlexplain.Session) []sqlexplain.Session {
				return slices.DeleteFunc(all, func(w sqlexplain.Session) bool { return w.DB != d.name() })
			}
			holder, alter, reader := session(t, d), session(t, d), session(t, d)
			exec(t, holder, "SELECT * FROM t")
			if engine == "postgresql" {
				exec(t, alter, "ROLLBACK")
			}
			altered := inBackground(t, alter, "ALTER TABLE t ADD COLUMN x INT")
			await(t, s, func(w []sqlexplain.Session) bool { return len(here(w)) == 2 })
			read := inBackground(t, reader, "SELECT * FROM t")
			got := here(await(t, s, func(w []sqlexplain.Session) bool {
				mine := here(w)
				return len(mine) == 3 && mine[0].Transaction > 0
			}))
			root := got[0]
			if len(root.BlockedBy) != 0 || !root.Idle {
				t.Errorf("root %+v, want the open transaction", root)
			}
			byStatement := make(map[string]sqlexplain.Session)
			for _, w := range got[1:] {
				verb, _, _ := strings.Cut(w.Statement, " ")
				byStatement[verb] = w
				if w.Root != root.ID || !strings.Contains(w.WaitsFor, "t") || w.Mode == "" {
					t.Errorf("waiter %+v, want one with the root %d", w, root.ID)
				}
			}
			ddl := byStatement["ALTER"]
			if !slices.Equal(ddl.BlockedBy, []int64{root.ID}) || !slices.Contains(byStatement["SELECT"].BlockedBy, ddl.ID) {
				t.Errorf("the ALTER waits for %v, the SELECT for %v, want %d and %d", ddl.BlockedBy, byStatement["SELECT"].BlockedBy, root.ID, ddl.ID)
			}
			exec(t, holder, "ROLLBACK")
			for _, ended := range []<-chan error{altered, read} {
				if err := <-ended; err != nil {
					t.Error(err)
				}
			}
			await(t, s, func(w []sqlexplain.Session) bool { return len(here(w)) == 0 })
		})
	}
}
