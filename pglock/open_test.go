package pglock_test

import (
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/internal/testserver"
	"github.com/pawl-go/pawl/pglock"
)

// refused checks that url is refused in one line that has each of the texts in it.
func refused(t *testing.T, rawURL string, texts ...string) {
	t.Helper()
	d, err := open(t.Context(), rawURL)
	if err == nil {
		_ = d.Close()
		t.Errorf("%s was opened", rawURL)
		return
	}
	t.Log(err)
	if !errors.Is(err, driver.ErrInvalidOption) || strings.Contains(err.Error(), "\n") {
		t.Errorf("%s: %v, want one line of ErrInvalidOption", rawURL, err)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v, want %q in it", rawURL, err, text)
		}
	}
}

// tables returns the names of the tables in a database.
func tables(tb testing.TB, dsn string) (names string) {
	tb.Helper()
	must(tb, connect(tb, dsn).QueryRow(tb.Context(),
		"SELECT coalesce(string_agg(relname, ' ' ORDER BY relname), '') FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace").Scan(&names))
	return names
}

func TestOpenInvalidURL(t *testing.T) {
	t.Parallel()
	for rawURL, texts := range map[string][]string{
		"postgres://h/db?tabel=x":               {`"tabel"`, "table", "sslmode", "timeout"},
		"postgres://h/db?work_mem=1":            {`"work_mem"`},
		"postgres://h/db?mode=row":              {`"row"`, "table or session"},
		"postgres://h/db?table=a&table=b":       {"2 times"},
		"postgres://h/db?table=":                {"NAME"},
		"postgres://h/db?table=a.b.c":           {"SCHEMA.NAME"},
		"postgres://h/db?table=a%00b":           {"control"},
		"postgres://h/db?create=perhaps":        {"true or false"},
		"postgres://h/db?timeout=3":             {"3s"},
		"postgres://h/db?timeout=-3s":           {"3s"},
		"postgres://h/db?conns=0":               {"conns"},
		"postgres://h/db?sslmode=maybe":         {"sslmode"},
		"postgres:h":                            {"postgres://HOST"},
		"postgres://u:secret@h:port/db":         nil,
		"postgres://h/db?sslrootcert=/no/such":  {"/no/such"},
		"postgres://h/db?table=" + longText(80): {"at most"},
	} {
		u, err := url.Parse(rawURL)
		if err != nil {
			continue
		}
		if _, err := pglock.Open(t.Context(), u); err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the password is shown: %v", err)
		}
		refused(t, rawURL, texts...)
	}
}

func longText(n int) string { return strings.Repeat("x", n) }

func TestNewInvalidOptions(t *testing.T) {
	t.Parallel()
	for dsn, opts := range map[string]*pglock.Options{
		"host=h sslmode=maybe": nil, "host=h port=x": nil,
		"host=h":  {Conns: -1},
		"host=h2": {Timeout: -1},
		"host=h3": {Table: "a.b.c"},
	} {
		if _, err := pglock.New(t.Context(), dsn, opts); !errors.Is(err, driver.ErrInvalidOption) {
			t.Errorf("New(%q, %+v): %v", dsn, opts, err)
		}
	}
	if _, err := pglock.New(t.Context(), testserver.PostgresURL(server(t).Addr, "postgres")+"&no_such=1", nil); !errors.Is(err, driver.ErrInvalidOption) ||
		!strings.Contains(err.Error(), "no_such") {
		t.Errorf("an unknown parameter: %v", err)
	}
	if _, err := pglock.New(t.Context(), "host=127.0.0.1 port=1 user=x", nil); !errors.Is(err, driver.ErrUnavailable) {
		t.Errorf("nobody there: %v", err)
	}
}

func TestOpenWrongDatabase(t *testing.T) {
	t.Parallel()
	refused(t, testserver.PostgresURL(server(t).Addr, "no_such_db"), `"no_such_db" does not exist`)
	refused(t, strings.Replace(database(t), "postgres@", "nobody@", 1), "user")
}

// The tables are not made by those who may not, and they are told how.
func TestOpenWithoutPrivilege(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	admin := connect(t, dsn)
	user := "user_" + randomName()
	exec(t, admin, "CREATE USER "+user)
	theirs := strings.Replace(dsn, "postgres@", user+"@", 1)
	refused(t, theirs, user, "may not create", "pglock.DDL")
	refused(t, dsn+"&create=false", "pglock.DDL")
	if got := tables(t, dsn); got != "" {
		t.Errorf("tables %s were made", got)
	}
	ddl, err := pglock.DDL("")
	must(t, err)
	exec(t, admin, ddl)
	refused(t, theirs, "GRANT SELECT, INSERT, UPDATE, DELETE ON")
	exec(t, admin, "GRANT SELECT, INSERT, UPDATE, DELETE ON pawl_lock, pawl_lock_lease, pawl_lock_waiter, pawl_lock_mark TO "+user)
	c := client(t, theirs+"&create=false", nil)
	must(t, quick(t.Context(), c, "x"))
	must(t, mustLock(t, c, "x", pawlShared).Unlock())
}

func TestOpenForeignTable(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	admin := connect(t, dsn)
	exec(t, admin, "CREATE TABLE pawl_lock (id bigint)")
	refused(t, dsn, `"pawl_lock"`, "not pawl's")
	if got := tables(t, dsn); got != "pawl_lock" {
		t.Errorf("tables are now %s", got)
	}
	must(t, mustOpen(t, dsn+"&table=other").Close())
	exec(t, admin, "ALTER TABLE other ALTER COLUMN until TYPE numeric")
	refused(t, dsn+"&table=other", `"other"`, "changed")
	must(t, mustOpen(t, dsn+"&table=newer").Close())
	exec(t, admin, "COMMENT ON TABLE newer IS 'pawl schema 99'")
	refused(t, dsn+"&table=newer", "newer pawl", "99")
}

// A name with quotes in it is a name.
func TestOpenQuotedTable(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	exec(t, connect(t, dsn), `CREATE SCHEMA "a""b"`)
	for _, table := range []string{`a"; DROP TABLE x; --`, `a"b.o'clock`, "Ünïcode"} {
		c := client(t, dsn+"&table="+url.QueryEscape(table), nil)
		must(t, quick(t.Context(), c, "x"))
		must(t, mustLock(t, c, "x", pawlShared).Unlock())
	}
}

// Many that open an empty database at once make one set of tables.
func TestOpenTogether(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	const n = 8
	ends := make(chan error, n)
	for range n {
		go func() {
			d, err := open(t.Context(), dsn)
			if err == nil {
				err = d.Close()
			}
			ends <- err
		}()
	}
	for range n {
		must(t, <-ends)
	}
}

func TestOpenReadOnly(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	admin := connect(t, dsn)
	name := admin.Config().Database
	exec(t, admin, "ALTER DATABASE "+name+" SET default_transaction_read_only = on")
	refused(t, dsn, "default_transaction_read_only")
	exec(t, admin, "SET default_transaction_read_only = off")
	exec(t, admin, "ALTER DATABASE "+name+" RESET default_transaction_read_only")
	exec(t, admin, "ALTER DATABASE "+name+" SET default_transaction_isolation = 'serializable'")
	must(t, quick(t.Context(), client(t, dsn, nil), "x")) // the driver sets its own
	bouncer := testserver.PgBouncer(t, server(t), "transaction")
	refused(t, testserver.PostgresURL(bouncer.Addr, name), "behind a pooler")
}

// A database in another encoding takes any name.
func TestOpenLatin1(t *testing.T) {
	t.Parallel()
	s := server(t)
	name := "latin_" + randomName()
	exec(t, connect(t, testserver.PostgresURL(s.Addr, "postgres")), "CREATE DATABASE "+name+" ENCODING LATIN1 LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
	c := client(t, testserver.PostgresURL(s.Addr, name), nil)
	for _, lock := range []string{"日本語", "a\x00b", "🔒"} {
		must(t, quick(t.Context(), c, lock))
	}
}

func TestOpenReplica(t *testing.T) {
	t.Parallel()
	s := testserver.Postgres(t)
	s.Stop()
	must(t, os.WriteFile(filepath.Join(s.Dir, "db", "standby.signal"), nil, 0o666))
	must(t, os.Chmod(filepath.Join(s.Dir, "db", "standby.signal"), 0o666))
	must(t, s.Start())
	refused(t, testserver.PostgresURL(s.Addr, "postgres"), "read-only replica", "primary")
}
