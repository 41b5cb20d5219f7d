package lab

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"hash/fnv"
	mathrand "math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/fence"
)

// Defaults of a Session.
const (
	// DefaultTTL is that of locks while a fault strikes: short, because a run waits
	// for its end, and still some times what a loaded machine takes for a renewal.
	DefaultTTL = 800 * time.Millisecond
	// DefaultPatience is how long a buyer waits before it counts as stuck: longer than a
	// killed MySQL takes to start again on a loaded machine.
	DefaultPatience = 20 * time.Second
	// DefaultThink is the time between reading a price and writing an order.
	DefaultThink = time.Millisecond
)

// Session is some strategies of one scenario, each under some faults.
type Session struct {
	Scenario   *Scenario
	Strategies []Strategy
	Faults     []Fault
	// SafeOnly leaves out the runs that theory expects to break.
	SafeOnly bool

	Stock, Products, Limit, Buyers, Procs, Clients int

	// DB is a URL; empty means a new SQLite file, which is removed in the end. Only
	// tables whose names begin with pawl_lab are touched in a database that is there
	// already.
	DB string
	// MoreDBs are URLs of further databases like DB. With them, runs with a fault go side
	// by side, one in each.
	MoreDBs []string
	// Lanes is how many runs go side by side on new SQLite files; 0 means SideBySide.
	Lanes int
	// Locks are the lock servers: each strategy that needs one is run with each that it
	// can use. None means a new SQLite file, which is removed in the end.
	Locks []LockServer
	// Seed decides the order of the buyers and when the fault strikes. What the
	// operating system makes of it is different each time.
	Seed uint64
	// Worker is the command line that calls Work.
	Worker []string

	// TTL is that of locks in runs with a fault; 0 means DefaultTTL. Without a fault
	// they have pawl's own default.
	TTL time.Duration
	// Patience is how long a buyer waits; 0 means DefaultPatience.
	Patience time.Duration

	// Progress, if not nil, is told how far the session is: when a run begins or ends, and
	// some times a second, by one goroutine at a time.
	Progress func(Progress)

	lanes    []*lane
	servers  []*LockServer
	ownLocks bool // each lane has a lock file of its own
	plan     []*run
	dir      string

	mu     sync.Mutex
	begun  int // runs
	told   time.Time
	onTick func(*run) // a hook for tests
}

// Run runs everything and reports it, as often as it is called: first what has no fault, one run after another, so
// that nothing but its own processes slows a run down; then the rest. It ends early when ctx does, with its cause, or
// when a run cannot be done. Then the report has the runs that were done; it is nil when none could begin. No process
// and no temporary file is left behind.
func (s *Session) Run(ctx context.Context) (*Report, error) {
	dir, err := os.MkdirTemp("", "pawl-lab-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // the system cleans its temporary files
	s.dir = dir
	s.defaults()
	defer s.closeLanes()
	if err := s.open(ctx); err != nil {
		return nil, err
	}
	report := &Report{
		Scenario: s.Scenario.Name,
		Words:    s.Scenario.Words.Filled(),
		DB:       redacted(s.lanes[0].url), Backends: s.lockNames(),
		Stock: s.Stock, Products: s.Products, Limit: s.Limit, Buyers: s.Buyers, Procs: s.Procs, Clients: s.Clients,
		Seed: s.Seed, TTL: s.TTL.Milliseconds(), Machine: machine(), Version: s.lanes[0].db.version(ctx), Left: s.leftOut(),
	}
	err = s.runPlan(ctx)
	for _, r := range s.plan {
		if r.progress.Result != nil {
			report.Runs = append(report.Runs, r.result)
		}
	}
	report.Moral = s.Scenario.Moral(report)
	return report, err
}

func (s *Session) defaults() {
	s.lanes, s.servers, s.begun = nil, nil, 0 // of a run before this one
	for i := range s.Locks {
		s.servers = append(s.servers, &s.Locks[i])
	}
	if len(s.servers) == 0 {
		s.ownLocks = true
		s.servers = []*LockServer{{URL: s.file("locks", 0)}}
	}
	s.Products = max(s.Products, 1)
	if s.TTL == 0 {
		s.TTL = DefaultTTL
	}
	if s.Patience == 0 {
		s.Patience = DefaultPatience
	}
}

// open opens the databases, and the lock servers to see whether that can be: what is wrong
// with them is better told once than by each worker.
func (s *Session) open(ctx context.Context) error {
	for _, server := range s.servers {
		if err := server.check(ctx); err != nil {
			return err
		}
	}
	if err := s.openLanes(ctx); err != nil {
		return err
	}
	s.plan = s.runs()
	return nil
}

// dialect returns the kind of the databases.
func (s *Session) dialect() fence.Dialect { return s.lanes[0].db.Dialect }

func (s *Session) newRun(strategy Strategy, locks *LockServer, fault Fault) *run {
	setup := Setup{
		Stock: s.Stock, Products: s.Products, Limit: s.Limit, Buyers: s.Buyers, Procs: s.Procs, Clients: s.Clients,
		Fault: fault, Locks: locks.scheme(), DB: s.dialect(),
	}
	ttl, patience := s.times(strategy, setup, locks)
	id := rand.Text()
	r := &run{session: s, strategy: strategy, locks: locks, setup: setup}
	r.progress = RunProgress{Strategy: strategy.Name, Locks: setup.Locks, Fault: fault}
	r.random = mathrand.New(mathrand.NewPCG(s.Seed, hash(r.progress.Label())))
	r.job = job{
		Scenario: s.Scenario.Name,
		Strategy: strategy.Name,
		Setup:    setup,
		Locks:    locks.url(),
		Lock:     "pawl-lab:" + s.Scenario.Name + ":" + id,
		TTL:      ttl,
		Patience: patience,
		Think:    DefaultThink,
		Claim:    filepath.Join(s.dir, id),
		Passes:   r.random.IntN(max(1, min(s.Stock, s.Buyers)/(4*s.Procs))),
	}
	return r
}

// hash returns a number that depends on nothing but text.
func hash(text string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text)) // it cannot fail
	return h.Sum64()
}

// times returns the TTL of locks in a run and the patience of its buyers. They are
// short where nothing hangs on them, so that a session does not last for ever.
func (s *Session) times(strategy Strategy, setup Setup, locks *LockServer) (ttl, patience time.Duration) {
	ttl, patience = s.TTL, s.Patience
	switch {
	case setup.Fault == None:
		ttl = pawl.DefaultTTL
	case strategy.Needs == RawRedis && setup.Fault == Kill:
		ttl *= 2 // nobody renews: on a busy machine, those who live would lose theirs too
	case strategy.Needs == NoLocks:
		ttl /= 4 // nothing expires; a fault need only be long enough for others to sell
	}
	if ttl = locks.ttl(ttl); setup.Fault != None {
		patience = max(patience, 3*ttl) // a fault lasts longer than the TTL, which some servers fix
	}
	if setup.Fault.onServer() {
		patience *= 2 // a server that starts again, or is looked for, has everybody wait
	}
	if strategy.Expect(setup) == Stuck {
		patience /= 8 // as theory has it, no answer comes
	}
	return ttl, patience
}

// Check returns what is wrong with the session, in one line.
func (s *Session) Check() error {
	for _, n := range []struct {
		name     string
		value    int
		at, most int
	}{
		{"stock", s.Stock, 1, 1_000_000}, {"buyers", s.Buyers, 1, 1_000_000},
		{"products", max(s.Products, 1), 1, 10_000}, {"limit", s.Limit, 0, 1_000_000},
		{"procs", s.Procs, 1, 64}, {"clients", s.Clients, 1, 256},
	} {
		if n.value < n.at || n.value > n.most {
			return fmt.Errorf("--%s %d: want %d to %d", n.name, n.value, n.at, n.most)
		}
	}
	for _, fault := range s.Faults {
		if fault == Pause && !canPause {
			return errors.New("--faults pause: this system cannot stop a process; want none or kill")
		}
	}
	if s.DB == "" {
		return nil
	}
	for _, server := range s.Locks {
		if s.DB == server.URL && strings.HasPrefix(s.DB, "sqlite:") {
			return fmt.Errorf("--db and --backend are both %q: want a file each", redacted(s.DB))
		}
	}
	return CheckDB(s.DB)
}

// redacted returns rawURL without its password.
func redacted(rawURL string) string {
	u, err := url.Parse(rawURL)
	switch {
	case err != nil:
		return "(not a URL)"
	case u.User == nil:
		return rawURL
	}
	return u.Redacted()
}
