package drivertest

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-go/pawl/driver"
)

func TestCaseNames(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for _, c := range cases {
		if seen[c.name] || c.name == "" || c.run == nil {
			t.Errorf("case %q is there twice, or is nothing", c.name)
		}
		seen[c.name] = true
	}
}

func TestUnknownGaps(t *testing.T) {
	t.Parallel()
	h := Harness{Gaps: map[string]string{"Expiry": "no clock", "Expiri": "a slip", "All": "too much"}}
	if diff := cmp.Diff([]string{"All", "Expiri"}, h.unknownGaps()); diff != "" {
		t.Errorf("unknown gaps (-want +got):\n%s", diff)
	}
}

// A command and the error in a report come through as they were sent.
func TestProtocol(t *testing.T) {
	t.Parallel()
	sent := command{
		ID: 3, Do: "load", History: "a\nb", Driver: true,
		Request: driver.Request{Name: "a\x00\n{}é", Holder: "h", Mode: driver.Shared, Slots: 2, TTL: time.Second, NoWait: true, Note: `"`},
		Load:    load{Name: "b", Shared: true, Slots: 3, TTL: time.Minute, Hold: time.Millisecond, Times: 4},
	}
	line, err := json.Marshal(sent)
	if err != nil {
		t.Fatal(err)
	}
	var got command
	if err := json.Unmarshal(line, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sent, got); diff != "" {
		t.Errorf("a command (-sent +got):\n%s", diff)
	}

	var r report
	if r.fail(nil); r.err() != nil {
		t.Errorf("no error became %v", r.err())
	}
	r.fail(errors.Join(errors.New("too late"), driver.ErrLost))
	if err := r.err(); !errors.Is(err, driver.ErrLost) || errors.Is(err, driver.ErrHeld) {
		t.Errorf("an error that matches ErrLost became %v", err)
	}
}
