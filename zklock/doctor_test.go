package zklock_test

import (
	"testing"

	"github.com/pawl-go/pawl/driver"
)

// levels returns how bad each thing is that Check has looked at.
func levels(t *testing.T, url string) map[string]driver.Level {
	t.Helper()
	findings, err := mustOpen(t, url).(driver.Checker).Check(t.Context())
	must(t, err)
	worst := make(map[string]driver.Level)
	for _, f := range findings {
		t.Logf("%s %s: %s", f.Level, f.What, f.Text)
		worst[f.What] = max(worst[f.What], f.Level)
	}
	return worst
}

func TestCheck(t *testing.T) {
	t.Parallel()
	url := "zookeeper://" + one(t).Addr
	got := levels(t, url+"?session=6s&tick=500ms")
	if got["session"] != driver.Fine || got["tick"] != driver.Fine || got["server"] != driver.Fine || got["servers"] != driver.Warning {
		t.Errorf("one server: %v", got)
	}
	got = levels(t, url+"?session=60s&tick=100ms")
	if got["session"] != driver.Warning || got["tick"] != driver.Problem {
		t.Errorf("a session that is not granted, and a tick that is too short: %v", got)
	}
}
