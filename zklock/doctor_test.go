package zklock_test

import (
	"testing"

	"github.com/pawl-go/pawl/driver"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	url := "zookeeper://" + one(t).Addr
	got := levels(t, url+"?session=6s&tick=500ms")
	if _, told := got[driver.Version]; !told || got["session"] != driver.Fine || got["tick"] != driver.Fine || got["server"] != driver.Fine || got["servers"] != driver.Warning {
		t.Errorf("one server: %v", got)
	}
	got = levels(t, url+"?session=60s&tick=100ms")
	if got["session"] != driver.Warning || got["tick"] != driver.Problem {
		t.Errorf("a session that is not granted, and a tick that is too short: %v", got)
	}
}
