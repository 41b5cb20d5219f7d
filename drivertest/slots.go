package drivertest

import (
	"testing"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
)

// As many hold as there are slots, and no more.
func slotsLimit(t *testing.T, e *env) {
	const n = 3
	name, d := e.name("gpu"), e.open(t)
	var leases []driver.Lease
	for range n {
		lease := e.acquire(t, e.open(t), e.request(name, asSlot(n)))
		if len(leases) > 0 && lease.Token <= leases[len(leases)-1].Token {
			t.Errorf("token %d after %d", lease.Token, leases[len(leases)-1].Token)
		}
		leases = append(leases, lease)
	}
	_, err := d.Acquire(t.Context(), e.request(name, asSlot(n), noWait))
	wantErr(t, "Acquire of one more slot", err, driver.ErrHeld)
	next := e.start(t, d, e.request(name, asSlot(n)))
	e.inLine(t, name, next)
	if state := e.state(t, name); state.Slots != n {
		t.Errorf("Inspect says %d slots, want %d", state.Slots, n)
	}
	e.release(t, d, leases[1].Request)
	leases[1] = next.wait(t)
	e.heldBy(t, name, leases...)
	for _, lease := range leases {
		e.release(t, d, lease.Request)
	}
}

// Several slots that are given back at once let as many waiters in.
func slotsHandoff(t *testing.T, e *env) {
	const n = 2
	name, d := e.name("gpu"), e.open(t)
	held := []driver.Lease{e.acquire(t, d, e.request(name, asSlot(n))), e.acquire(t, d, e.request(name, asSlot(n)))}
	var line []*pending
	for range 2 * n {
		line = append(line, e.start(t, e.open(t), e.request(name, asSlot(n))))
		e.inLine(t, name, line...)
	}
	for _, lease := range held {
		e.release(t, d, lease.Request)
	}
	e.drain(t, d, line...)
}

// All who use a name at the same time must say the same number of slots, or none;
// when it is out of use, it may be used differently.
func slotsMismatch(t *testing.T, e *env) {
	name, d := e.name("gpu"), e.open(t)
	client := e.client(t, nil)
	uses := map[string]func(*driver.Request){
		"no slots": func(*driver.Request) {}, "2 slots": asSlot(2), "3 slots": asSlot(3),
	}
	if e.traits.Shared {
		uses["shared"] = asShared
	}
	for used, as := range uses {
		lease := e.acquire(t, d, e.request(name, as))
		for other, want := range uses {
			if other == used || other == "shared" && used == "no slots" || other == "no slots" && used == "shared" {
				continue
			}
			for what, change := range map[string]func(*driver.Request){"Acquire": func(*driver.Request) {}, "Acquire without waiting": noWait} {
				_, err := d.Acquire(t.Context(), e.request(name, want, change))
				mustErr(t, what+" of "+other+" where it is in use with "+used, err, driver.ErrInvalidOption)
			}
		}
		_, err := client.Lock(t.Context(), name, pawl.Slots(7))
		mustErr(t, "Lock of 7 slots where it is in use with "+used, err, pawl.ErrInvalidOption)
		e.release(t, d, lease.Request)
	}
	e.isFree(t, d, name)
}

// Permits under contention, by driver and by clients.
func slotsContention(t *testing.T, e *env) {
	recorder, path := e.record(t)
	const goroutines, times = 12, 6
	l := load{Name: e.name("gpu"), Slots: 3, TTL: e.ttl(ample), Times: times, Hold: time.Millisecond}
	d, client := e.open(t), e.client(t, nil)
	inParallel(t, goroutines, func(i int) error {
		if i%2 == 0 {
			return l.byDriver(t.Context(), d, recorder)
		}
		return l.byClient(t.Context(), client, recorder)
	})
	checkHistory(t, path, goroutines*times)
}

// A slot whose holder has died is free after its TTL, and the other slots are
// still held.
func slotsExpiry(t *testing.T, e *env) {
	name, d, ttl := e.name("gpu"), e.open(t), e.ttl(300*time.Millisecond)
	e.abandons(ttl)
	lives := e.acquire(t, d, e.request(name, asSlot(2)))
	dead := e.acquire(t, e.open(t), e.request(name, asSlot(2), living(ttl)))
	next := e.start(t, d, e.request(name, asSlot(2)))
	lease := next.wait(t)
	if next.at.Before(dead.Until) {
		t.Errorf("the slot passed on %v before the trust deadline", dead.Until.Sub(next.at))
	}
	e.heldBy(t, name, lives, lease)
	e.release(t, d, lives.Request)
	e.release(t, d, lease.Request)
}

// A driver without slots says so and grants nothing.
func slotsUnsupported(t *testing.T, e *env) {
	_, err := e.client(t, nil).Lock(t.Context(), e.name("gpu"), pawl.Slots(2))
	wantErr(t, "Lock with Slots", err, pawl.ErrUnsupported)
	_, err = e.open(t).Acquire(t.Context(), e.request(e.name("gpu"), asSlot(2)))
	wantErr(t, "Acquire of a slot", err, driver.ErrUnsupported)
}
