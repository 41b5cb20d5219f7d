package sqlexplain

import (
	"context"
	"errors"
	"fmt"
)

// ErrNoDeadlock means that the server, or the text, tells of no deadlock.
var ErrNoDeadlock = errors.New("no deadlock is on record")

// Deadlock is what a server said of one deadlock.
type Deadlock struct {
	Engine string `json:"engine"` // mysql, mariadb, postgresql, or innodb for a text that does not tell
	When   string `json:"when"`   // in the server's own form
	// Transactions are those of the cycle, in the order of the report.
	Transactions []Party `json:"transactions"`
	// Kind is one of the known kinds, or empty: opposite-order, two-secondary-indexes,
	// gap-then-insert, several-inserts, shared-then-exclusive.
	Kind string `json:"kind"`
	// Text says how the kind comes about and what to change.
	Text string `json:"text"`
}

// Party is a transaction of a deadlock.
type Party struct {
	ID        string   `json:"id"`      // of the transaction; on PostgreSQL of the process
	Session   int64    `json:"session"` // as in SHOW PROCESSLIST or pg_stat_activity
	Statement string   `json:"statement"`
	Earlier   []string `json:"earlier,omitempty"` // of the same transaction, where the server still knows them
	Holds     []Lock   `json:"holds"`             // those of which the report tells
	WaitsFor  []Lock   `json:"waits_for"`
	// BlockedBy is the place in Transactions, from 0, of the one that it waits for.
	BlockedBy int  `json:"blocked_by"`
	Victim    bool `json:"victim"`
}

// Deadlock returns the latest deadlock of a MySQL or MariaDB. Without one the error
// matches ErrNoDeadlock. PostgreSQL keeps none: its log does, see ReadPostgresLog.
func (s *Server) Deadlock(ctx context.Context) (*Deadlock, error) {
	if s.Engine() == "postgresql" {
		return nil, errors.New("PostgreSQL does not keep its deadlocks; give the server's log file, or - for standard input")
	}
	d, err := s.deadlock(ctx)
	if err != nil {
		return nil, hide(s.engine.plain(err, Options{}), s.url)
	}
	return d, nil
}

func (s *Server) deadlock(ctx context.Context) (*Deadlock, error) {
	status, err := readStatus(ctx, s.db)
	if err != nil {
		return nil, err
	}
	known := schemas{}
	columns := func(schema, table, index string) []column {
		t, err := known.of(ctx, s.db, schema+"."+table)
		if err != nil {
			return nil // the keys stay in hex
		}
		return t.entry(index)
	}
	var own string
	_ = s.db.QueryRowContext(ctx, "SELECT COALESCE(DATABASE(), '')").Scan(&own)
	d, err := parseDeadlock(status, own, columns)
	if err != nil {
		return nil, err
	}
	d.Engine = s.Engine()
	if d.Engine == "mysql" {
		s.addHistory(ctx, d)
	}
	return d, nil
}

// Cycle returns who waits for whom, as places in Transactions, from the victim on until
// one comes again, which ends the list. It is empty when the report does not tell.
func (d *Deadlock) Cycle() []int {
	at := 0
	for i, p := range d.Transactions {
		if p.Victim {
			at = i
		}
	}
	var cycle []int
	for range d.Transactions {
		cycle = append(cycle, at)
		if at = d.Transactions[at].BlockedBy; at < 0 || at >= len(d.Transactions) {
			return nil
		}
		if at == cycle[0] {
			return append(cycle, at)
		}
	}
	return cycle
}

// connect fills in BlockedBy: the transaction that has a lock on what is waited for, or
// the next one where the report does not tell.
func (d *Deadlock) connect() {
	for i := range d.Transactions {
		d.Transactions[i].BlockedBy = d.blocker(i)
	}
}

func (d *Deadlock) blocker(i int) int {
	place := func(l Lock) string { return fmt.Sprintf("%q %q %q", l.Table, l.Index, l.Key) }
	for step := 1; step < len(d.Transactions); step++ {
		j := (i + step) % len(d.Transactions)
		for _, wanted := range d.Transactions[i].WaitsFor {
			for _, held := range d.Transactions[j].Holds {
				if place(wanted) == place(held) {
					return j
				}
			}
		}
	}
	return (i + 1) % len(d.Transactions)
}
