package mysqllock_test

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/internal/testserver"
	"github.com/pawl-go/pawl/mysqllock"
)

// refused checks that err is one line that says want and no password, and that the caller
// has to change something.
func refused(t *testing.T, want string, err error) {
	t.Helper()
	switch {
	case !errors.Is(err, driver.ErrInvalidOption) && !errors.Is(err, driver.ErrInvalidName) || !strings.Contains(err.Error(), want):
		t.Errorf("%v, want an invalid option with %q", err, want)
	case strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "wrong-secret"):
		t.Errorf("%q, want one line without the password", err)
	}
}

// refuses checks that rawURL is refused and that nothing has changed in db.
func refuses(t *testing.T, rawURL, want string, db *sql.DB) {
	t.Helper()
	before := tables(t, db)
	d, err := open(t.Context(), rawURL)
	if err == nil {
		_ = d.Close()
	}
	refused(t, want, err)
	if after := tables(t, db); after != before {
		t.Errorf("%s: the tables were %q and are %q", rawURL, before, after)
	}
}

func tables(t *testing.T, db *sql.DB) string {
	t.Helper()
	var names sql.NullString
	must(t, db.QueryRowContext(t.Context(), "SELECT GROUP_CONCAT(table_name, engine, table_comment ORDER BY table_name)"+
		" FROM information_schema.tables WHERE table_schema = DATABASE()").Scan(&names))
	return names.String
}

func TestOpenRefusesParameters(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, e engine) {
		url, db := e.database(t)
		for params, want := range map[string]string{
			"?tabel=x":                          `unknown parameter "tabel", want one of mode, table, create, timeout, tls`,
			"?mode=row":                         `mode "row": want table or session`,
			"?timeout=3":                        `timeout "3": want a duration such as 3s`,
			"?timeout=-3s":                      "want a duration",
			"?create=maybe":                     `create "maybe": want true or false`,
			"?tls=perhaps":                      `tls "perhaps": want true`,
			"?table=a&table=b":                  "parameter table is given 2 times",
			"?table=back%60quote":               "table \"back`quote\": want at most 59 letters",
			"?table=a.b":                        "without the database",
			"?table=" + strings.Repeat("a", 60): "want at most 59",
			"#x":                                "want mysql://",
		} {
			refuses(t, url+params, want, db)
		}
		refuses(t, strings.Replace(url, "mysql://", "mysql:", 1), "want mysql://", db)
		refuses(t, url+"/more", "want /DATABASE", db)
		refuses(t, url[:strings.LastIndex(url, "/")], "want /DATABASE", db)
	})
}

func TestOpenRefusesWrongPasswordsAndDatabases(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, e engine) {
		url, db := e.database(t)
		refuses(t, strings.Replace(url, "root@", "root:wrong-secret@", 1), "wrong user or password", db)
		refuses(t, strings.Replace(url, "root@", "nobody:wrong-secret@", 1), "wrong user or password", db)
		refuses(t, url+"_missing", "_missing", db)
	})
}

// user makes a user with privileges on the tables of a database and returns its URL.
func user(t *testing.T, db *sql.DB, url, name, privileges string) string {
	t.Helper()
	database := url[strings.LastIndex(url, "/")+1:]
	name += database[:8]
	exec(t, db, fmt.Sprintf("CREATE USER %s@'%%' IDENTIFIED BY 'secret'", name))
	exec(t, db, fmt.Sprintf("GRANT %s ON %s.* TO %s@'%%'", privileges, database, name))
	return strings.Replace(url, "root@", name+":secret@", 1)
}

// Who may not create tables is told what to run, and needs no more than that.
func TestOpenWithoutThePrivilegeToCreate(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, e engine) {
		url, db := e.database(t)
		theirs := user(t, db, url, "plain", "SELECT, INSERT, UPDATE, DELETE")
		refuses(t, theirs, `mysqllock.DDL("pawl_lock")`, db)
		refuses(t, url+"?create=false", `mysqllock.DDL("pawl_lock")`, db)
		for statement := range strings.SplitSeq(strings.TrimSpace(mysqllock.DDL("")), ";\n") {
			exec(t, db, strings.TrimSuffix(statement, ";"))
		}
		d := mustOpen(t, theirs+"?create=false")
		lease := acquire(t, d, request("x"))
		must(t, d.Release(t.Context(), lease.Request))
		refuses(t, user(t, db, url, "reader", "SELECT"), "no privilege on table pawl_lock", db)
	})
}

func TestOpenRefusesOtherTables(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, e engine) {
		url, db := e.database(t)
		exec(t, db, "CREATE TABLE theirs (name VARCHAR(20)) ENGINE=InnoDB")
		refuses(t, url+"?table=theirs", "table theirs is not one of pawl's", db)
		exec(t, db, "CREATE TABLE old (name VARCHAR(20)) ENGINE=MyISAM COMMENT='pawl 1'")
		refuses(t, url+"?table=old", `engine "MyISAM", want InnoDB`, db)
		exec(t, db, "CREATE TABLE newer (name VARCHAR(20)) ENGINE=InnoDB COMMENT='pawl 99'")
		refuses(t, url+"?table=newer", "made by a newer pawl", db)
		mustOpen(t, url+"?table=changed")
		exec(t, db, "ALTER TABLE changed MODIFY name VARBINARY(20) NOT NULL")
		refuses(t, url+"?table=changed", "table of another shape, no changed column name varbinary(512)", db)
		mustOpen(t, url+"?table=keyless")
		exec(t, db, "ALTER TABLE keyless_line DROP KEY place")
		refuses(t, url+"?table=keyless", "no keyless_line key place (name,kind,seq)", db)
	})
}

// Many clients that start at once make the tables once.
func TestOpenTogether(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, e engine) {
		url, _ := e.database(t)
		const clients = 8
		errs := make(chan error, clients)
		for range clients {
			go func() {
				d, err := open(t.Context(), url)
				if err == nil {
					err = d.Close()
				}
				errs <- err
			}()
		}
		for range clients {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
	})
}

func TestOpenRefusesReadOnlyServers(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, e engine) {
		server := e.start(t)
		name := newDatabase(t, server.Addr)
		url, db := testserver.MySQLURL(server.Addr, name), connect(t, server.Addr, name)
		theirs := user(t, db, url, "plain", "SELECT, INSERT, UPDATE, DELETE, CREATE")
		exec(t, db, "SET GLOBAL read_only = 1")
		refuses(t, theirs, "the server is read-only", db)
		exec(t, db, "SET GLOBAL read_only = 0")
		d := mustOpen(t, theirs)
		exec(t, db, "SET GLOBAL read_only = 1")
		refuses(t, theirs, "the server is read-only", db)
		_, err := d.Acquire(t.Context(), request("x"))
		if !errors.Is(err, driver.ErrUnavailable) || !strings.Contains(err.Error(), "read-only") {
			t.Errorf("Acquire: %v", err)
		}
	})
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for want, dsn := range map[string]string{"DSN": "root:wrong-secret@nowhere", "no database in the DSN": "root@tcp(127.0.0.1:1)/"} {
		_, err := mysqllock.New(t.Context(), dsn, nil)
		refused(t, want, err)
	}
	_, err := mysqllock.New(t.Context(), "root@tcp(127.0.0.1:1)/x", &mysqllock.Options{PoolSize: -1})
	refused(t, "PoolSize -1", err)
	_, err = mysqllock.New(t.Context(), "root@tcp(127.0.0.1:1)/x", nil)
	if !errors.Is(err, driver.ErrUnavailable) || strings.Contains(err.Error(), "\n") {
		t.Errorf("a server that is not there: %v", err)
	}
}
