package testserver

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// MariaDB starts a MariaDB with a user root without a password. flags are added to its
// command line.
func MariaDB(tb TB, flags ...string) *Process {
	tb.Helper()
	install := Need(tb, "mariadb-install-db", "mariadb-server")
	program := Need(tb, "mariadbd", "mariadb-server")
	const owner = "mysql"
	port := fmt.Sprint(FreePort(tb))
	p := &Process{Addr: "127.0.0.1:" + port, Dir: openDir(tb, owner), user: owner, ready: mysqlReady}
	db := filepath.Join(p.Dir, "db")
	run(tb, owner, p.Dir, install, "--no-defaults", "--datadir="+db, "--auth-root-authentication-method=normal", "--skip-test-db", "--tmpdir="+p.Dir)
	p.argv = append([]string{program, "--no-defaults", "--datadir=" + db, "--port=" + port, "--bind-address=127.0.0.1",
		"--socket=" + filepath.Join(p.Dir, "s.sock"), "--max-connections=300",
		// A folder of its own: it clears that at its start, and others may be running.
		"--tmpdir=" + p.Dir}, flags...)
	return start(tb, p)
}

// MySQL starts a MySQL (of Oracle) with a user root without a password. flags are added
// to its command line.
func MySQL(tb TB, flags ...string) *Process {
	tb.Helper()
	argv := mysqld(tb)
	port := fmt.Sprint(FreePort(tb))
	p := &Process{Addr: "127.0.0.1:" + port, Dir: openDir(tb, ""), ready: mysqlReady}
	argv = append(argv, "--datadir="+filepath.Join(p.Dir, "db"), "--innodb-redo-log-capacity=64M")
	run(tb, "", p.Dir, append(argv, "--initialize-insecure")...)
	p.argv = append(append(argv, "--port="+port, "--bind-address=127.0.0.1", "--socket="+filepath.Join(p.Dir, "m.sock"),
		"--pid-file="+filepath.Join(p.Dir, "m.pid"), "--mysqlx=OFF", "--secure-file-priv=NULL", "--max-connections=300"), flags...)
	return start(tb, p)
}

// mysqld returns the start of MySQL's command line: of the one in the path, or of the
// one that .ci/mysql has put into the user's cache folder, since Debian 12 has none.
// That one runs with the libraries of its own system, and without becoming root.
func mysqld(tb TB) []string {
	tb.Helper()
	if path, err := exec.LookPath("mysqld"); err == nil {
		out, _ := exec.Command(path, "--no-defaults", "--version").Output()
		if !strings.Contains(string(out), "MariaDB") {
			return []string{path, "--no-defaults", "--user=root"}
		}
	}
	root := cacheDir(tb, "mysql")
	program := filepath.Join(root, "usr/sbin/mysqld")
	if _, err := os.Stat(program); err != nil {
		missing(tb, "MySQL is not installed: run .ci/mysql")
	}
	found, _ := filepath.Glob(filepath.Join(root, "usr/lib/*/ld-linux-*.so.*"))
	if len(found) == 0 {
		tb.Fatalf("no program loader in %s", root)
	}
	loader := found[0]
	return []string{loader, "--library-path", filepath.Dir(loader), program, "--no-defaults", "--user=root",
		"--lc-messages-dir=" + filepath.Join(root, "usr/share/mysql"),
		"--character-sets-dir=" + filepath.Join(root, "usr/share/mysql/charsets")}
}

// MySQLURL returns the URL of a database of the MySQL or MariaDB at addr.
func MySQLURL(addr, database string) string { return fmt.Sprintf("mysql://root@%s/%s", addr, database) }

// MySQLDSN returns the same for database/sql.
func MySQLDSN(addr, database string) string { return fmt.Sprintf("root@tcp(%s)/%s", addr, database) }

func mysqlReady(ctx context.Context, addr string) error {
	config, err := mysql.ParseDSN(MySQLDSN(addr, ""))
	if err != nil {
		return err
	}
	config.Logger = &mysql.NopLogger{} // it is not there yet
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	defer func() { _ = db.Close() }()
	return db.PingContext(ctx)
}
