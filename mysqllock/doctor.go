package mysqllock

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/pawl-go/pawl/driver"
)

// Check looks at the server and at the driver's sessions on it: version, tables,
// isolation, timeouts, durability, replication, whether it can be written to, whether a
// waiter can be woken, and the clock. It changes nothing.
func (c *conn) Check(ctx context.Context) ([]driver.Finding, error) {
	if err := c.check(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*c.db.timeout)
	defer cancel()
	vars, err := c.db.variables(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	findings := []driver.Finding{
		{What: driver.Version, Text: engine(c.db.version)},
		c.db.checkTables(ctx), isolation(vars), timeouts(vars), durability(vars), writable(vars),
		c.db.cluster(ctx, vars), binlog(vars), c.db.identity(ctx), c.checkBell(ctx), c.db.clock(ctx),
	}
	return findings, ctx.Err()
}

// variables returns what the server is set to, and the driver's sessions on it.
func (db *database) variables(ctx context.Context) (map[string]string, error) {
	vars := make(map[string]string)
	err := db.each(ctx, statement("variables"), nil, func(rows *sql.Rows) error {
		var name, value string
		err := rows.Scan(&name, &value)
		vars[strings.ToLower(name)] = value
		return err
	})
	return vars, err
}

func (db *database) checkTables(ctx context.Context) driver.Finding {
	version, err := db.schemaVersion(ctx)
	if err == nil {
		err = db.checkShape(ctx)
	}
	if err == nil {
		err = db.probe(ctx)
	}
	if err != nil {
		return driver.Finding{Level: driver.Problem, What: "tables", Text: oneLine{err}.Error()}
	}
	return driver.Finding{What: "tables", Text: fmt.Sprintf("%s and %s, version %d, InnoDB, all privileges that are needed", db.table, db.table+lineSuffix, version)}
}

func isolation(vars map[string]string) driver.Finding {
	level := vars["transaction_isolation"] + vars["tx_isolation"] // each engine has one of them, or both alike
	if !strings.HasPrefix(level, "READ-COMMITTED") {
		return driver.Finding{Level: driver.Problem, What: "isolation",
			Text: level + " although the driver has set READ-COMMITTED: something between here and the server drops session settings"}
	}
	return driver.Finding{What: "isolation", Text: "READ-COMMITTED in the driver's sessions"}
}

func timeouts(vars map[string]string) driver.Finding {
	wait, idle := vars["innodb_lock_wait_timeout"], vars["wait_timeout"]
	text := fmt.Sprintf("innodb_lock_wait_timeout %s s, wait_timeout %s s in the driver's sessions", wait, idle)
	if wait != "1" || idle != "3600" {
		return driver.Finding{Level: driver.Problem, What: "timeouts",
			Text: text + ", not what it has set: something between here and the server drops session settings"}
	}
	return driver.Finding{What: "timeouts", Text: text}
}

func durability(vars map[string]string) driver.Finding {
	flush := vars["innodb_flush_log_at_trx_commit"]
	if flush != "1" {
		return driver.Finding{Level: driver.Warning, What: "durability",
			Text: "innodb_flush_log_at_trx_commit " + flush + ": a crash forgets the locks of the last second, and only tokens protect then; set 1"}
	}
	return driver.Finding{What: "durability", Text: "every commit is on disk"}
}

func writable(vars map[string]string) driver.Finding {
	for _, name := range []string{"super_read_only", "read_only", "innodb_read_only"} {
		if value := vars[name]; value != "" && value != "OFF" && value != "0" {
			return driver.Finding{Level: driver.Problem, What: "role", Text: name + " is on: locks need the primary"}
		}
	}
	return driver.Finding{What: "role", Text: "can be written to"}
}

// cluster looks for a second server that grants as well: there, what one has committed
// the other may not have seen yet.
func (db *database) cluster(ctx context.Context, vars map[string]string) driver.Finding {
	switch {
	case vars["wsrep_on"] == "ON":
		return driver.Finding{Level: driver.Warning, What: "cluster",
			Text: "Galera: let every client use the same node, or set wsrep_sync_wait=7; waiters on other nodes are not woken and look for themselves"}
	case vars["group_replication_single_primary_mode"] == "OFF":
		return driver.Finding{Level: driver.Problem, What: "cluster",
			Text: "group replication with several primaries: locks need single-primary mode, or every client on the same primary"}
	}
	var replicas int
	if err := db.pool.QueryRowContext(ctx, statement("replicas")).Scan(&replicas); err == nil && replicas > 0 {
		return driver.Finding{Level: driver.Warning, What: "cluster",
			Text: fmt.Sprintf("%d replicas: a failover to one that is behind loses the last locks, and only tokens protect then", replicas)}
	}
	return driver.Finding{What: "cluster", Text: "one server that grants"}
}

func binlog(vars map[string]string) driver.Finding {
	if vars["log_bin"] == "ON" && vars["binlog_format"] == "STATEMENT" {
		return driver.Finding{Level: driver.Problem, What: "binlog", Text: "binlog_format STATEMENT refuses READ COMMITTED: set ROW or MIXED"}
	}
	return driver.Finding{What: "binlog", Text: "log_bin " + vars["log_bin"] + ", " + vars["binlog_format"]}
}

// identity asks twice on one connection which session of the server it is.
func (db *database) identity(ctx context.Context) driver.Finding {
	session, err := db.pool.Conn(ctx)
	if err != nil {
		return driver.Finding{Level: driver.Problem, What: "proxy", Text: err.Error()}
	}
	defer func() { _ = session.Close() }()
	seen := make(map[int64]bool)
	for range 5 {
		var id int64
		if err := session.QueryRowContext(ctx, "SELECT CONNECTION_ID()").Scan(&id); err != nil {
			return driver.Finding{Level: driver.Problem, What: "proxy", Text: err.Error()}
		}
		seen[id] = true
	}
	if len(seen) > 1 {
		return driver.Finding{Level: driver.Problem, What: "proxy",
			Text: "one connection reaches several sessions of the server: a proxy multiplexes; turn that off for this user"}
	}
	return driver.Finding{What: "proxy", Text: "a connection is a session of the server"}
}

// checkBell hangs up a bell and rings it: the sleep has to end early.
func (c *conn) checkBell(ctx context.Context) driver.Finding {
	const nap = time.Second
	client := rand.Text()
	bed, err := c.bell.hold(ctx, bedName(client))
	if err != nil {
		return driver.Finding{Level: driver.Warning, What: "bell", Text: oneLine{err}.Error()}
	}
	defer end(bed)
	session, err := c.bell.hold(ctx, bellName(client))
	if err != nil {
		return driver.Finding{Level: driver.Warning, What: "bell", Text: oneLine{err}.Error()}
	}
	defer end(session)
	rang := make(chan error, 1)
	start := time.Now()
	go func() {
		time.Sleep(nap / 10) // later than the sleep begins, which a ring must not precede
		_, err := c.db.exec(ctx, "ring", bellName(client))
		rang <- err
	}()
	// MySQL calls the end of the sleep an error.
	_, _ = session.ExecContext(ctx, "DO GET_LOCK(?, ?)", bedName(client), nap.Seconds())
	took := time.Since(start)
	if ringErr := <-rang; ringErr != nil || took > nap/2 {
		return driver.Finding{Level: driver.Warning, What: "bell",
			Text: fmt.Sprintf("a waiter is not woken (%v): it looks every %v; KILL QUERY and IS_USED_LOCK have to work", ringErr, lookNext)}
	}
	return driver.Finding{What: "bell", Text: "waiters of the same user are woken; those of another look every " + lookNext.String()}
}

// clock compares clocks as well as the round trip allows. Leases run out by the server's
// alone; only tokens after a loss of data, or a move, depend on it.
func (db *database) clock(ctx context.Context) driver.Finding {
	var micros int64
	sent := time.Now()
	if err := db.pool.QueryRowContext(ctx, "SELECT "+nowMicros).Scan(&micros); err != nil {
		return driver.Finding{Level: driver.Problem, What: "clock", Text: err.Error()}
	}
	trip := time.Since(sent)
	distance := time.UnixMicro(micros).Sub(sent.Add(trip / 2)).Round(time.Millisecond)
	finding := driver.Finding{What: "clock", Text: fmt.Sprintf("%v from this machine's, give or take %v", distance, trip.Round(time.Microsecond))}
	if distance.Abs() > time.Second+trip {
		finding.Level = driver.Warning
		finding.Text += ": synchronise them, or tokens may fall when locks move to another server"
	}
	return finding
}

// engine names the engine whose version() is version.
func engine(version string) string {
	if strings.Contains(version, "MariaDB") {
		return "MariaDB " + version
	}
	return "MySQL " + version
}
