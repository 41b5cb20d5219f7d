//go:build unix

package main

import (
	"context"
	"database/sql"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pawl-go/pawl/internal/testserver"
)

// sqlBed is a database on a real server, and pawl beside it.
type sqlBed struct {
	*shop
	engine, addr string
}

func newSQLBed(t *testing.T, engine string) *sqlBed {
	t.Helper()
	s := newSandbox(t)
	switch engine {
	case "postgresql":
		addr := testserver.Postgres(t, "fsync=off").Addr
		u := testserver.PostgresURL(addr, "postgres")
		return &sqlBed{newShop(s, u, "pgx", u), engine, addr}
	case "mariadb":
		addr := testserver.MariaDB(t, "--tmpdir=.").Addr
		return &sqlBed{newMySQLShop(s, addr), engine, addr}
	}
	addr := testserver.MySQL(t).Addr
	return &sqlBed{newMySQLShop(s, addr), engine, addr}
}

// hold begins a transaction that runs a statement, and ends it with end or the test.
func (b *sqlBed) hold(statement string) (end func()) {
	b.t.Helper()
	tx, err := b.db.BeginTx(b.t.Context(), &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = tx.Rollback() })
	if _, err := tx.ExecContext(b.t.Context(), statement); err != nil {
		b.t.Fatalf("%s: %v", statement, err)
	}
	return func() { _ = tx.Rollback() }
}

// awaitWaiter waits until a session waits for a lock.
func (b *sqlBed) awaitWaiter() {
	b.t.Helper()
	eventually(b.t, b.anyWaiter)
}

// notTooOften is the time between two looks at InnoDB's transactions, which shows an old
// copy to whoever asks again within 0.1 s.
const notTooOften = 150 * time.Millisecond

// anyWaiter reports whether a session waits for a lock.
func (b *sqlBed) anyWaiter() bool {
	b.t.Helper()
	time.Sleep(notTooOften)
	return b.run("waits", "--db", b.url, "-o", "json").wantCode(0).stdout != "[]\n"
}

// as is the URL with another user.
func (b *sqlBed) as(user string) string {
	return strings.Replace(strings.Replace(b.url, "root@", user+"@", 1), "postgres@", user+"@", 1)
}

// Ctrl-C of an explain that waits leaves no transaction, no session and no setting.
func TestExplainInterrupted(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"mysql", "mariadb", "postgresql"} {
		t.Run(engine, func(t *testing.T) {
			b := newSQLBed(t, engine)
			settings := b.settings()
			end := b.hold("UPDATE t SET k = 0 WHERE id = 20")
			p := b.start("explain", "--db", b.url, "--lock-timeout", "1h", "--after", "UPDATE t SET k = 7 WHERE id = 10", "UPDATE t SET k = 7 WHERE id = 20")
			b.awaitWaiter()
			p.signal(os.Interrupt)
			p.wantErr(codeSignalOffset+int(syscall.SIGINT), "interrupted", "rolled back")
			b.exec("UPDATE t SET k = 1 WHERE id = 10") // it would wait for a transaction that is left
			end()
			eventually(t, func() bool {
				time.Sleep(notTooOften)
				return b.count(b.openTransactions()) == 0
			})
			if n := b.count("SELECT COUNT(*) FROM t WHERE k = 7 AND id IN (10, 20)"); n != 0 {
				t.Errorf("%d rows were changed", n)
			}
			if now := b.settings(); now != settings {
				t.Errorf("settings %s, want those of before, %s", now, settings)
			}
		})
	}
}

// openTransactions counts those of others that are open.
func (b *sqlBed) openTransactions() string {
	if b.engine == "postgresql" {
		return "SELECT COUNT(*) FROM pg_stat_activity WHERE xact_start IS NOT NULL AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
	}
	return "SELECT COUNT(*) FROM information_schema.innodb_trx"
}

// settings are the global settings of the server in one text.
func (b *sqlBed) settings() (all string) {
	b.t.Helper()
	query := "SELECT variable_name, variable_value FROM performance_schema.global_variables ORDER BY 1"
	switch b.engine {
	case "mariadb":
		query = "SELECT variable_name, variable_value FROM information_schema.global_variables ORDER BY 1"
	case "postgresql":
		query = "SELECT name, setting FROM pg_settings ORDER BY 1"
	}
	rows, err := b.db.QueryContext(context.Background(), query)
	if err != nil {
		b.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			b.t.Fatal(err)
		}
		if !strings.HasPrefix(strings.ToLower(name), "gtid_") { // counters among the settings
			all += name + "=" + value + "\n"
		}
	}
	if err := rows.Err(); err != nil {
		b.t.Fatal(err)
	}
	return all
}

// What explain and dedupe cannot work on is one line each, with what to do.
func TestSQLBadInput(t *testing.T) {
	b := newSQLBed(t, "mysql")
	for _, query := range []string{
		"CREATE TABLE bare (k INT)", "CREATE VIEW seen AS SELECT * FROM t", "CREATE TABLE isam (id INT PRIMARY KEY, k INT) ENGINE=MyISAM",
		"CREATE TABLE parts (id INT PRIMARY KEY, k INT) PARTITION BY HASH (id) PARTITIONS 2",
		"CREATE USER low@'%'", "GRANT SELECT, UPDATE ON shop.* TO low@'%'", "CREATE USER half@'%'", "GRANT SELECT, UPDATE ON shop.* TO half@'%'", "GRANT PROCESS ON *.* TO half@'%'",
		"CREATE USER worker@'%'", "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX ON shop.* TO worker@'%'",
	} {
		b.exec(query)
	}
	explain := func(statement string, more ...string) []string {
		return append([]string{"explain", "--db", b.url, statement}, more...)
	}
	for _, tt := range []struct {
		args  []string
		code  int
		parts []string
	}{
		{explain("SELEC 1"), codeUsage, []string{"want SELECT, INSERT, UPDATE, DELETE or REPLACE"}},
		{explain("UPDATE t SET\nWHERE"), codeFailed, []string{"does not parse"}},
		{explain("UPDATE seen SET k = 1"), codeUsage, []string{"seen is a view", "write the statement on these"}},
		{explain("UPDATE parts SET k = 1"), codeUsage, []string{"parts is partitioned"}},
		{explain("UPDATE isam SET k = 1"), codeUsage, []string{"isam is a MyISAM table", "ENGINE=InnoDB"}},
		{explain("UPDATE t SET nothing = 1"), codeFailed, []string{"nothing"}},
		{explain("UPDATE nowhere SET k = 1"), codeFailed, []string{"nowhere"}},
		{explain("UPDATE t SET k = 1", "--db", b.as("low")), codeFailed, []string{"GRANT PROCESS"}},
		{explain("UPDATE t SET k = 1 WHERE id = 1", "--db", b.as("half")), codeFailed, []string{"GRANT SELECT ON performance_schema.*"}},
		{explain("UPDATE t SET k = 1", "--db", b.as("nobody")), codeUnavailable, []string{"nobody"}},
		{explain("SELECT 1", "--isolation", "dirty"), codeFailed, []string{"want read-committed, repeatable-read or serializable"}},
		{[]string{"waits", "--db", b.as("low")}, codeFailed, []string{"GRANT"}},
		{[]string{"deadlocks", "--db", b.as("low")}, codeFailed, []string{"GRANT PROCESS"}},
		{b.args("--table", "bare"), codeConfig, []string{"bare has no primary key", "want one added first"}},
		{b.args("--table", "seen"), codeConfig, []string{"seen is a view", "want the table under it"}},
		{b.args("--table", "parts"), codeConfig, []string{"parts is a partitioned table"}},
		{b.args("--table", "isam"), codeConfig, []string{"MyISAM", "ENGINE=InnoDB"}},
		{b.args("--key", "nothing"), codeUsage, []string{`no column "nothing", it has id, k`}},
		{b.args("--order-by", "nothing"), codeUsage, []string{`no column "nothing", it has id, k`}},
		{b.args("--db", b.as("low")), codeConfig, []string{"want the privileges"}},
		{b.args("--db", b.as("nobody")), codeConfig, []string{"want a user and a password"}},
	} {
		b.run(tt.args...).wantErr(tt.code, tt.parts...)
	}
	got := b.run(explain("UPDATE bare SET k = 1")...).wantCode(0)
	if !strings.Contains(got.stdout, "warning: bare has no primary key") {
		t.Errorf("%s", got.stdout)
	}
	b.exec("SET GLOBAL read_only = ON")
	b.run(b.args("--db", b.as("worker"))...).wantErr(codeConfig, "the server is read-only", "want the URL of the primary")
	b.run("explain", "--db", b.as("half"), "UPDATE t SET k = 1 WHERE id = 1").wantErr(codeFailed, "the server is read-only", "give --db the primary")
	b.exec("SET GLOBAL read_only = OFF")
	if n := b.count("SELECT COUNT(*) FROM t") + b.count("SELECT COUNT(*) FROM information_schema.tables WHERE table_name LIKE 'pawl%' OR table_name LIKE '%_dups'"); n != 2*shopPairs {
		t.Errorf("%d, want %d rows and no other table", n, 2*shopPairs)
	}
}
