// Package servers starts real servers for a run of the lab and stops them after it:
// those that it finds on this machine.
package servers

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"

	"github.com/pawl-go/pawl/internal/lab"
	"github.com/pawl-go/pawl/internal/testserver"
)

// Set is the servers of a run.
type Set struct {
	// Locks keep locks.
	Locks []lab.LockServer
	// DBs are the URLs of empty databases, by "postgres", "mysql" and "mariadb".
	DBs map[string]string
	// MoreDBs are further empty databases in the same servers, for runs that go side by
	// side.
	MoreDBs map[string][]string
	// PostgresLog is the file of the log of the database "postgres".
	PostgresLog string
	// Missing says which servers are not installed, and how to get them.
	Missing []string

	mu   sync.Mutex
	ends []func()
}

// kind is a kind of server.
type kind struct {
	name  string
	start func(tb testserver.TB) *testserver.Process
	lock  func(addr string) string // URL of it as a lock server, or nil
	sql   *engine                  // what its databases are reached by, or nil
}

// engine is a way to reach databases.
type engine struct {
	url func(addr, database string) string
	// driver is the name of it at database/sql, and admin what that opens to make databases.
	driver string
	admin  func(addr string) string
}

var (
	postgresEngine = &engine{
		url: testserver.PostgresURL, driver: "pgx",
		admin: func(addr string) string { return testserver.PostgresURL(addr, "postgres") },
	}
	mysqlEngine = &engine{
		url: testserver.MySQLURL, driver: "mysql",
		admin: func(addr string) string { return testserver.MySQLDSN(addr, "") },
	}
)

// kinds returns what can be started. A database and a lock server of one kind are two
// servers, so that a fault strikes the locks alone.
func kinds() []kind {
	postgres := func(tb testserver.TB) *testserver.Process {
		return testserver.Postgres(tb, "logging_collector=on", "log_directory=../"+logFolder, "log_filename="+logFile)
	}
	mysql := func(tb testserver.TB) *testserver.Process { return testserver.MySQL(tb) }
	mariadb := func(tb testserver.TB) *testserver.Process { return testserver.MariaDB(tb) }
	return []kind{
		{name: "redis", start: func(tb testserver.TB) *testserver.Process { return testserver.Redis(tb) },
			lock: func(addr string) string { return "redis://" + addr }},
		{name: "postgres locks", start: postgres, sql: postgresEngine, lock: postgresEngine.first},
		{name: "mysql locks", start: mysql, sql: mysqlEngine, lock: mysqlEngine.first},
		{name: "zookeeper", start: func(tb testserver.TB) *testserver.Process { return testserver.ZooKeeper(tb, 1)[0] },
			lock: func(addr string) string { return "zookeeper://" + addr + "?session=2s&tick=500ms" }},
		{name: "etcd", start: func(tb testserver.TB) *testserver.Process { return testserver.Etcd(tb, 1)[0] },
			lock: func(addr string) string { return "etcd://" + addr }},
		{name: "postgres", start: postgres, sql: postgresEngine},
		{name: "mysql", start: mysql, sql: mysqlEngine},
		{name: "mariadb", start: mariadb, sql: mysqlEngine},
	}
}

// Where PostgreSQL keeps its log, which alone tells of deadlocks.
const (
	logFolder = "log"
	logFile   = "postgres.log"
)

// databases is how many a database server has, for runs that go side by side: fewer than
// lab.SideBySide, since the servers need the machine too.
const databases = 4

// databaseNames returns the names of the first n databases of a server.
func databaseNames(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("lab%d", i+1)
	}
	return names
}

// first returns the URL of the first database.
func (e *engine) first(addr string) string { return e.url(addr, databaseNames(1)[0]) }

// create makes the databases of the server at addr and returns their URLs.
func (e *engine) create(tb testserver.TB, addr string, names []string) []string {
	db, err := sql.Open(e.driver, e.admin(addr))
	if err != nil {
		tb.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // nothing is under way
	var urls []string
	for _, name := range names {
		if _, err := db.ExecContext(tb.Context(), "CREATE DATABASE "+name); err != nil {
			tb.Fatal(err)
		}
		urls = append(urls, e.url(addr, name))
	}
	return urls
}

// Start starts all servers that are installed and that want accepts, which is called
// with "redis", "postgres locks", "mysql locks", "zookeeper", "etcd", "postgres",
// "mysql" and "mariadb". Those that are not installed are in Set.Missing. ctx bounds
// the start. Close stops them.
func Start(ctx context.Context, want func(name string) bool) (*Set, error) {
	set := &Set{DBs: make(map[string]string), MoreDBs: make(map[string][]string)}
	all := kinds()
	locks := make([]*lab.LockServer, len(all)) // in the order of kinds
	errs := make([]error, len(all))
	var starts sync.WaitGroup
	for i, k := range all {
		if want(k.name) {
			starts.Go(func() { locks[i], errs[i] = set.start(ctx, k) })
		}
	}
	starts.Wait()
	for _, l := range locks {
		if l != nil {
			set.Locks = append(set.Locks, *l)
		}
	}
	if err := errors.Join(errs...); err != nil {
		set.Close()
		return nil, err
	}
	return set, nil
}

// Close stops the servers and removes their folders.
func (s *Set) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := len(s.ends) - 1; i >= 0; i-- {
		s.ends[i]()
	}
	s.ends = nil
}

func (s *Set) start(ctx context.Context, k kind) (*lab.LockServer, error) {
	t := &tb{ctx: ctx, set: s}
	var server *testserver.Process
	var proxy *testserver.Proxy
	var dbs []string
	err := t.run(func() {
		server = k.start(t)
		n := databases
		if k.lock != nil {
			n = 1
			proxy = testserver.NewProxy(t, server.Addr)
		}
		if k.sql != nil {
			dbs = k.sql.create(t, server.Addr, databaseNames(n))
		}
	})
	var missing missingError
	switch {
	case errors.As(err, &missing):
		s.mu.Lock()
		s.Missing = append(s.Missing, string(missing))
		s.mu.Unlock()
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("%s: %w", k.name, err)
	case k.lock == nil:
		s.addDatabases(k.name, server, dbs)
		return nil, nil
	}
	return &lab.LockServer{
		URL:     k.lock(proxy.Addr),
		Restart: func() error { server.Kill(); return server.Start() },
		Cut: func(on bool) {
			proxy.Refuse(on)
			if on {
				proxy.Cut()
			}
		},
	}, nil
}

func (s *Set) addDatabases(name string, server *testserver.Process, urls []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.DBs[name], s.MoreDBs[name] = urls[0], urls[1:]
	if name == "postgres" {
		s.PostgresLog = filepath.Join(server.Dir, logFolder, logFile)
	}
}

// missingError says that a server is not installed.
type missingError string

func (m missingError) Error() string { return string(m) }

// Names returns the databases that were started, for people.
func (s *Set) Names() string {
	var names []string
	for _, name := range []string{"postgres", "mysql", "mariadb"} {
		if s.DBs[name] != "" {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}
