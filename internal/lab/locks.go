package lab

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/backend"
	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/fence"
)

// LockServer is a server that keeps locks. The faults that strike servers need one
// that the lab has started.
type LockServer struct {
	URL string
	// Restart kills the server and starts it again; nil when nobody here may.
	Restart func() error
	// Cut parts everybody from the server, or lets them reach it again; nil when nobody
	// here can.
	Cut func(on bool)

	traits  driver.Traits
	version string // what it calls itself, or ""
}

// check returns why the lab cannot use the server: what is wrong with it is better told
// once than by each worker.
func (l *LockServer) check(ctx context.Context) error {
	if l.scheme() == "mem" {
		return fmt.Errorf("backend %q is of one process; the lab wants one that processes share, such as sqlite:///path/locks.db: %w",
			redacted(l.URL), pawl.ErrInvalidOption)
	}
	locks, err := backend.Driver(ctx, l.URL)
	if err != nil {
		return err
	}
	l.traits = locks.Traits()
	if l.version == "" { // of an earlier time of a session that is repeated
		l.version = versionOf(ctx, locks)
	}
	return locks.Close()
}

// versionOf returns what a lock server calls itself, or "": a report does without.
func versionOf(ctx context.Context, locks driver.Driver) string {
	checker, ok := locks.(driver.Checker)
	if !ok {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	findings, _ := checker.Check(ctx)
	var versions []string
	for _, f := range findings {
		if f.What == driver.Version && !slices.Contains(versions, f.Text) {
			versions = append(versions, f.Text)
		}
	}
	return strings.Join(versions, ", ")
}

// ttl returns a TTL that the server can keep, as near to d as that goes.
func (l *LockServer) ttl(d time.Duration) time.Duration {
	switch {
	case l == nil:
		return d
	case l.traits.FixedTTL != 0:
		return l.traits.FixedTTL
	}
	return max(d, l.traits.MinTTL)
}

// url returns the server's URL, or "" without a server.
func (l *LockServer) url() string {
	if l == nil {
		return ""
	}
	return l.URL
}

// scheme returns what the URL begins with, or "" without a server.
func (l *LockServer) scheme() string {
	if l == nil {
		return ""
	}
	u, err := url.Parse(l.URL)
	if err != nil {
		return ""
	}
	return u.Scheme
}

// can reports whether the fault can strike a run on l.
func (l *LockServer) can(fault Fault) bool {
	switch {
	case !fault.onServer():
		return true
	case l == nil:
		return false
	case fault == Restart:
		return l.Restart != nil
	}
	return l.Cut != nil
}

// runs returns what there is to do: each strategy, with each lock server that it can
// use, under each fault that can strike there.
func (s *Session) runs() []*run {
	var runs []*run
	for _, strategy := range s.Strategies {
		if strategy.On != nil && !slices.Contains(strategy.On, s.dialect()) {
			continue
		}
		for _, locks := range s.locksFor(strategy) {
			for _, fault := range s.Faults {
				if r := s.newRun(strategy, locks, fault); locks.can(fault) && (!s.SafeOnly || strategy.Expect(r.setup) == Holds) {
					runs = append(runs, r)
				}
			}
		}
	}
	return runs
}

// locksFor returns the lock servers that a strategy is run with; nil is one run without.
func (s *Session) locksFor(strategy Strategy) []*LockServer {
	var servers []*LockServer
	for _, server := range s.servers {
		switch strategy.Needs {
		case NoLocks:
			return []*LockServer{nil}
		case PawlLocks:
			if server.traits.Shared || !strategy.Shared {
				servers = append(servers, server)
			}
		case RawRedis:
			if scheme := server.scheme(); scheme == "redis" || scheme == "rediss" {
				servers = append(servers, server)
			}
		}
	}
	return servers
}

// leftOut says what was asked for and cannot be run here, by what it needs.
func (s *Session) leftOut() []string {
	var redis, shared, faults []string
	elsewhere := make(map[string][]string)
	for _, strategy := range s.Strategies {
		switch {
		case strategy.On != nil && !slices.Contains(strategy.On, s.dialect()):
			db := databases(strategy.On)
			elsewhere[db] = append(elsewhere[db], strategy.Name)
		case strategy.Needs == RawRedis && len(s.locksFor(strategy)) == 0:
			redis = append(redis, strategy.Name)
		}
		if strategy.Shared && slices.ContainsFunc(s.servers, func(l *LockServer) bool { return !l.traits.Shared }) {
			shared = append(shared, strategy.Name)
		}
	}
	for _, fault := range s.Faults {
		if fault.onServer() && !s.SafeOnly && !slices.ContainsFunc(s.plan, func(r *run) bool { return r.setup.Fault == fault }) {
			faults = append(faults, string(fault))
		}
	}
	var left []string
	needs := func(what, kind string, names []string) {
		if len(names) > 0 {
			left = append(left, what+": "+kind+strings.Join(names, ", "))
		}
	}
	for _, db := range slices.Sorted(maps.Keys(elsewhere)) {
		needs("--db "+db, "", elsewhere[db])
	}
	needs("-b redis://host:port or --servers", "", redis)
	needs("a lock server that has shared locks", "", shared)
	needs("--servers", "the faults ", faults)
	return left
}

// databases names dialects as the schemes of their URLs.
func databases(dialects []fence.Dialect) string {
	schemes := map[fence.Dialect]string{fence.SQLite: "sqlite", fence.MySQL: "mysql", fence.PostgreSQL: "postgres"}
	var names []string
	for _, d := range dialects {
		names = append(names, schemes[d])
	}
	return strings.Join(names, " or ")
}

// lockNames returns the URLs of the lock servers for people, with their versions.
func (s *Session) lockNames() []string {
	names := make([]string, len(s.servers))
	for i, server := range s.servers {
		names[i] = redacted(server.URL)
		if server.version != "" {
			names[i] += " (" + server.version + ")"
		}
	}
	return names
}
