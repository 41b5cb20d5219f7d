package sqlexplain

import (
	"cmp"
	"context"
	_ "embed" // the statements
	"slices"
	"strconv"
	"strings"
	"time"
)

var (
	//go:embed sql/mysql_waits.sql
	mysqlWaits string
	//go:embed sql/mariadb_waits.sql
	mariadbWaits string
	//go:embed sql/innodb_sessions.sql
	innodbSessions string
	//go:embed sql/postgres_waits.sql
	postgresWaits string
	//go:embed sql/postgres_sessions.sql
	postgresSessions string
)

// Session is a session that waits for a lock, or that others wait for.
type Session struct {
	ID   int64  `json:"id"` // as in SHOW PROCESSLIST or pg_stat_activity; 0 is a prepared transaction
	User string `json:"user"`
	From string `json:"from"` // the client's address, or on PostgreSQL its application_name
	DB   string `json:"db"`
	// Idle says that the session runs nothing: it holds its locks until somebody ends its
	// transaction.
	Idle bool `json:"idle"`
	// Statement is what it runs; on PostgreSQL an idle one shows what it ran last.
	Statement string `json:"statement"`
	// Transaction is how long its transaction has been open.
	Transaction time.Duration `json:"transaction_ns"`
	// Waited is how long it has waited for WaitsFor, which is empty when it does not wait.
	Waited   time.Duration `json:"waited_ns"`
	WaitsFor string        `json:"waits_for"`
	Mode     string        `json:"mode"`
	// BlockedBy are the sessions in its way, and Root the one at the end of its chain,
	// which waits for nobody: end that one and the chain moves. Root is the session itself
	// when it does not wait.
	BlockedBy []int64 `json:"blocked_by"`
	Root      int64   `json:"root"`
}

// edge is who waits for whom, and for what.
type edge struct {
	waiter, blocker int64
	what, mode      string
}

// Waits returns the sessions that wait for locks and those that they wait for, idle ones
// included: chain by chain, the chain with the longest wait first, and in it first the
// root and then who waits, the longest wait first. MariaDB answers from a copy that is up
// to 0.1 s old, and knows only InnoDB's locks.
func (s *Server) Waits(ctx context.Context) ([]Session, error) {
	sessions, err := s.waits(ctx)
	if err != nil {
		return nil, hide(s.engine.plain(err, Options{}), s.url)
	}
	return sessions, nil
}

func (s *Server) waits(ctx context.Context) ([]Session, error) {
	waits, list := s.engine.waitQueries()
	var edges []edge
	err := s.each(ctx, waits, func(row map[string]string) {
		edges = append(edges, edge{number(row["waiter"]), number(row["blocker"]), row["what"], row["mode"]})
	})
	if err != nil || len(edges) == 0 {
		return []Session{}, err
	}
	sessions := make(map[int64]*Session)
	err = s.each(ctx, list, func(row map[string]string) {
		session := sessionOf(row)
		sessions[session.ID] = &session
	})
	if err != nil {
		return nil, err
	}
	return inChains(edges, sessions), nil
}

func (s *Server) each(ctx context.Context, query string, do func(row map[string]string)) error {
	rows, err := s.db.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	return eachRow(rows, do)
}

func sessionOf(row map[string]string) Session {
	micros := func(name string) time.Duration { return time.Duration(number(row[name])) * time.Microsecond }
	return Session{ID: number(row["id"]), User: row["user"], From: row["host"], DB: row["db"], Idle: row["idle"] == "1",
		Statement: strings.TrimSpace(row["statement"]), Transaction: micros("transaction"), Waited: micros("waited"), BlockedBy: []int64{}}
}

func number(text string) int64 {
	n, _ := strconv.ParseInt(text, 10, 64)
	return n
}

// inChains returns the sessions of the edges, sorted.
func inChains(edges []edge, known map[int64]*Session) []Session {
	in := make(map[int64]*Session)
	session := func(id int64) *Session {
		if in[id] == nil {
			if in[id] = known[id]; in[id] == nil {
				in[id] = &Session{ID: id, BlockedBy: []int64{}} // it has just ended, or is a prepared transaction
			}
		}
		return in[id]
	}
	for _, e := range edges {
		waiter := session(e.waiter)
		waiter.WaitsFor, waiter.Mode = e.what, e.mode
		if session(e.blocker); !slices.Contains(waiter.BlockedBy, e.blocker) {
			waiter.BlockedBy = append(waiter.BlockedBy, e.blocker)
		}
	}
	longest := make(map[int64]time.Duration) // by root
	var list []Session
	for id, s := range in {
		if s.WaitsFor == "" && len(s.BlockedBy) == 0 {
			s.Waited = 0
		}
		s.Root = rootOf(id, in)
		longest[s.Root] = max(longest[s.Root], s.Waited)
		slices.Sort(s.BlockedBy)
		list = append(list, *s)
	}
	slices.SortFunc(list, func(a, b Session) int {
		return cmp.Or(cmp.Compare(longest[b.Root], longest[a.Root]), cmp.Compare(a.Root, b.Root),
			cmp.Compare(min(len(a.BlockedBy), 1), min(len(b.BlockedBy), 1)), cmp.Compare(b.Waited, a.Waited), cmp.Compare(a.ID, b.ID))
	})
	return list
}

// rootOf follows the oldest blocker from each session. A circle, which the server is
// about to break, ends where it began.
func rootOf(id int64, in map[int64]*Session) int64 {
	seen := make(map[int64]bool)
	for !seen[id] && len(in[id].BlockedBy) > 0 {
		seen[id] = true
		id = slices.MaxFunc(in[id].BlockedBy, func(a, b int64) int {
			return cmp.Or(cmp.Compare(len(in[b].BlockedBy), len(in[a].BlockedBy)), cmp.Compare(in[a].Transaction, in[b].Transaction))
		})
	}
	return id
}
