package servers_test

import (
	"regexp"
	"testing"

	"github.com/pawl-go/pawl/internal/lab"
	"github.com/pawl-go/pawl/internal/lab/flashsale"
	"github.com/pawl-go/pawl/internal/lab/servers"
)

// A report tells the version of each lock server.
func TestVersions(t *testing.T) {
	t.Parallel()
	databases := map[string]bool{"postgres": true, "mysql": true, "mariadb": true}
	set, err := servers.Start(t.Context(), func(name string) bool { return !databases[name] })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(set.Close)
	for _, missing := range set.Missing {
		t.Skip(missing)
	}
	s := &lab.Session{Scenario: flashsale.Scenario(), Locks: set.Locks, Lanes: 1}
	report, err := s.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wants := []string{`^redis:.* \(Redis \d+\.`, `^postgres:.* \(PostgreSQL \d+\.`, `^mysql:.* \(MySQL \d+\.`, `^zookeeper:.* \(ZooKeeper \d+\.`, `^etcd:.* \(etcd \d+\.`}
	for i, want := range wants {
		if i >= len(report.Backends) || !regexp.MustCompile(want).MatchString(report.Backends[i]) {
			t.Errorf("%q, want one that matches %s", report.Backends, want)
		}
	}
}
