package pglock

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pawl-go/pawl/driver"
)

// Check looks at the server, at what stands before it, at its settings, its clock and
// the tables. It writes nothing.
func (t *table) Check(ctx context.Context) ([]driver.Finding, error) {
	var findings []driver.Finding
	err := t.detached(ctx, func(ctx context.Context) error {
		return t.pool.with(ctx, func(s *session) (err error) {
			findings, err = t.examine(ctx, s)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return findings, nil
}

// health is what check.sql tells.
type health struct {
	Version                                   string
	Standby                                   bool
	Isolation, Commit, Fsync, Pages           string
	Persistence                               *string
	Standbys                                  int
	SyncNames                                 string
	IdleTimeout, StatementTimeout, DeadlockIn string
	Owner                                     *string
	Now                                       int64
}

func (t *table) examine(ctx context.Context, s *session) ([]driver.Finding, error) {
	f, err := s.facts(ctx, t.name)
	if err != nil {
		return nil, err
	}
	sent := time.Now()
	rows, err := s.Query(ctx, t.sql["check"], pgx.QueryExecModeExec, quoteTable(t.name, ""))
	if err != nil {
		return nil, err
	}
	h, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[health])
	if err != nil {
		return nil, err
	}
	return []driver.Finding{
		{What: driver.Version, Text: "PostgreSQL " + h.Version},
		h.role(), pooler(s), h.isolation(s), h.durability(), h.persistence(), h.replication(), h.timeouts(),
		h.clock(sent, time.Since(sent)), tables(&f, t.name), t.listening(s),
	}, nil
}

func (h *health) role() driver.Finding {
	if h.Standby {
		return driver.Finding{Level: driver.Problem, What: "role", Text: "a read-only replica: locks need the primary"}
	}
	return driver.Finding{What: "role", Text: "primary"}
}

func pooler(s *session) driver.Finding {
	if s.relayed {
		return driver.Finding{Level: driver.Warning, What: "pooler",
			Text: "there is one before the server: statements are planned anew each time; where it works by transaction, mode=session cannot be used"}
	}
	return driver.Finding{What: "pooler", Text: "none"}
}

func (h *health) isolation(s *session) driver.Finding {
	finding := driver.Finding{What: "isolation", Text: h.Isolation + " by default"}
	switch {
	case h.Isolation == "read committed":
	case s.relayed:
		finding.Level = driver.Problem
		finding.Text += ", and behind a pooler it cannot be set: ALTER ROLE ... SET default_transaction_isolation = 'read committed'"
	default:
		finding.Text += "; the driver sets read committed for its own sessions"
	}
	return finding
}

func (h *health) durability() driver.Finding {
	switch {
	case h.Fsync == "off" || h.Pages == "off":
		return driver.Finding{Level: driver.Problem, What: "durability",
			Text: fmt.Sprintf("fsync %s, full_page_writes %s: a crash of the machine may damage the database; set both on", h.Fsync, h.Pages)}
	case h.Commit == "off":
		return driver.Finding{Level: driver.Warning, What: "durability",
			Text: "synchronous_commit off: a crash of the server may forget the last grants, and only tokens protect then; set it on for this user"}
	}
	return driver.Finding{What: "durability", Text: "fsync on, synchronous_commit " + h.Commit}
}

func (h *health) persistence() driver.Finding {
	if h.Persistence != nil && *h.Persistence == "u" {
		return driver.Finding{Level: driver.Warning, What: "table",
			Text: "unlogged: a crash of the server ends every lease at once, and only tokens protect then"}
	}
	return driver.Finding{What: "table", Text: "logged"}
}

func (h *health) replication() driver.Finding {
	switch {
	case h.Standbys == 0:
		return driver.Finding{What: "replicas", Text: "none seen: no failover, and none that could lose locks"}
	case h.SyncNames == "":
		return driver.Finding{Level: driver.Warning, What: "replicas",
			Text: fmt.Sprintf("%d, all asynchronous: a failover may lose the last grants, and only tokens protect then; synchronous_standby_names prevents that", h.Standbys)}
	}
	return driver.Finding{What: "replicas", Text: fmt.Sprintf("%d, synchronous: %s", h.Standbys, h.SyncNames)}
}

func (h *health) timeouts() driver.Finding {
	text := fmt.Sprintf("statement_timeout %s, idle_session_timeout %s, deadlock_timeout %s", h.StatementTimeout, h.IdleTimeout, h.DeadlockIn)
	if h.IdleTimeout != "0" {
		return driver.Finding{Level: driver.Warning, What: "timeouts",
			Text: text + ": the connection that hears of handoffs is ended when it is idle, and made again"}
	}
	return driver.Finding{What: "timeouts", Text: text}
}

// clock compares clocks as well as the round trip allows. Leases run out by the server's
// alone; only tokens after a loss of data, or a move, depend on it.
func (h *health) clock(sent time.Time, trip time.Duration) driver.Finding {
	distance := time.UnixMicro(h.Now).Sub(sent.Add(trip / 2)).Round(time.Millisecond)
	finding := driver.Finding{What: "clock", Text: fmt.Sprintf("%v from this machine's, give or take %v", distance, trip.Round(time.Microsecond))}
	if distance.Abs() > time.Second+trip {
		finding.Level = driver.Warning
		finding.Text += ": synchronise them, or tokens may fall when locks move to another server"
	}
	return finding
}

func tables(f *facts, name string) driver.Finding {
	if err := f.judgeTables(name); err != nil {
		return driver.Finding{Level: driver.Problem, What: "schema", Text: err.Error()}
	}
	return driver.Finding{What: "schema", Text: fmt.Sprintf("%s as it should be; the user %s may use it", quoteTable(name, ""), f.User)}
}

func (t *table) listening(s *session) driver.Finding {
	switch {
	case t.watch.ear.hears.Load():
		return driver.Finding{What: "notify", Text: "heard"}
	case s.relayed:
		return driver.Finding{Level: driver.Warning, What: "notify",
			Text: fmt.Sprintf("perhaps not heard behind the pooler: the next in line then looks every %v", lookDeaf)}
	}
	return driver.Finding{What: "notify", Text: "not asked for yet: nobody has waited in this process"}
}
