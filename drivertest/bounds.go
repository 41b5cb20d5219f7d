package drivertest

import (
	"testing"
	"time"

	"github.com/pawl-go/pawl"
)

// The traits make sense, and are the same for every client.
func traits(t *testing.T, e *env) {
	first, second := e.traits, e.open(t).Traits()
	first.CheckName, second.CheckName = nil, nil // functions do not compare
	if first.Backend != second.Backend || first.Precision != second.Precision || first.ClaimWindow != second.ClaimWindow ||
		first.MinTTL != second.MinTTL || first.MaxTTL != second.MaxTTL || first.FixedTTL != second.FixedTTL {
		t.Errorf("two clients have the traits %+v and %+v", first, second)
	}
	switch {
	case first.Backend == "":
		t.Error("the backend has no name")
	case first.Precision <= 0:
		t.Errorf("Precision %v: want more than 0", first.Precision)
	case first.FIFO && first.ClaimWindow <= 0:
		t.Errorf("ClaimWindow %v of a driver with a line: want more than 0", first.ClaimWindow)
	case first.MaxTTL != 0 && first.MaxTTL < first.MinTTL:
		t.Errorf("MaxTTL %v is under MinTTL %v", first.MaxTTL, first.MinTTL)
	}
}

// A TTL that the engine cannot keep is refused; the least and the largest are not.
func ttlBounds(t *testing.T, e *env) {
	name, client := e.name("stock:42"), e.client(t, nil)
	refused := []time.Duration{-time.Second, 0}
	taken := []time.Duration{e.ttl(time.Second)}
	if least := e.traits.MinTTL; least > 0 {
		refused = append(refused, least-1)
		taken = append(taken, e.ttl(2*least))
	}
	if most := e.traits.MaxTTL; most > 0 {
		refused, taken = append(refused, most+1), append(taken, most)
	}
	if fixed := e.traits.FixedTTL; fixed > 0 {
		refused = append(refused, fixed-1, fixed+1)
	}
	for _, ttl := range refused {
		_, err := client.Lock(t.Context(), name, pawl.TTL(ttl))
		wantErr(t, "Lock with a TTL of "+ttl.String(), err, pawl.ErrInvalidOption)
	}
	for _, ttl := range taken {
		lock := e.lock(t, client, name, pawl.TTL(ttl))
		if err := lock.Unlock(); err != nil && ttl >= time.Second { // a shorter one may run out on a busy machine
			t.Error(err)
		}
	}
}
