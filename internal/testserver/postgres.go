package testserver

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Postgres starts a PostgreSQL that trusts its user postgres. settings, as in
// "wal_level=logical", are added to its configuration.
func Postgres(tb TB, settings ...string) *Process {
	tb.Helper()
	bin := postgresBin(tb)
	const owner = "postgres"
	port := fmt.Sprint(FreePort(tb))
	p := &Process{Addr: "127.0.0.1:" + port, Dir: openDir(tb, owner), user: owner, ready: postgresReady,
		stop: os.Interrupt} // SIGTERM would wait for its clients
	db := filepath.Join(p.Dir, "db")
	run(tb, owner, p.Dir, filepath.Join(bin, "initdb"), "-A", "trust", "-U", "postgres", "-E", "UTF8", "-D", db)
	p.argv = []string{filepath.Join(bin, "postgres"), "-D", db, "-p", port, "-k", p.Dir,
		"-c", "listen_addresses=127.0.0.1", "-c", "max_connections=300",
		"-c", "dynamic_shared_memory_type=mmap"} // in its own folder: one that is killed leaves it behind
	for _, s := range settings {
		p.argv = append(p.argv, "-c", s)
	}
	return start(tb, p)
}

// PostgresURL returns the URL of a database of the PostgreSQL, or of the PgBouncer,
// at addr.
func PostgresURL(addr, database string) string {
	return fmt.Sprintf("postgres://postgres@%s/%s?sslmode=disable", addr, database)
}

// postgresBin returns the folder of the newest PostgreSQL's programs, which Debian
// keeps out of the path.
func postgresBin(tb TB) string {
	tb.Helper()
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb"); len(found) > 0 {
		return filepath.Dir(slices.MaxFunc(found, func(a, b string) int {
			return len(a) - len(b) + strings.Compare(a, b)
		}))
	}
	return filepath.Dir(Need(tb, "initdb", "postgresql"))
}

func postgresReady(ctx context.Context, addr string) error {
	conn, err := pgx.Connect(ctx, PostgresURL(addr, "postgres"))
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// PgBouncer starts a PgBouncer before server, in the mode "session", "transaction" or
// "statement".
func PgBouncer(tb TB, server *Process, mode string) *Process {
	tb.Helper()
	program := Need(tb, "pgbouncer", "pgbouncer")
	const owner = "postgres" // it refuses root too
	port := fmt.Sprint(FreePort(tb))
	p := &Process{Addr: "127.0.0.1:" + port, Dir: openDir(tb, owner), user: owner, ready: postgresReady}
	host, serverPort := splitAddr(tb, server.Addr)
	config := filepath.Join(p.Dir, "pgbouncer.ini")
	write(tb, config, fmt.Sprintf("[databases]\n* = host=%s port=%s user=postgres\n[pgbouncer]\n"+
		"listen_addr = 127.0.0.1\nlisten_port = %s\nunix_socket_dir =\nauth_type = any\npool_mode = %s\n"+
		"max_client_conn = 200\ndefault_pool_size = 5\nignore_startup_parameters = extra_float_digits\n", host, serverPort, port, mode))
	p.argv = []string{program, config}
	return start(tb, p)
}
