package pawl_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pawl-go/pawl"
)

// events collects what an observer is told, with tokens counted from the first.
type events struct {
	mu    sync.Mutex
	all   []pawl.Event
	first uint64
}

func (e *events) Observe(event pawl.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.first == 0 {
		e.first = event.Token
	}
	if event.Token != 0 {
		event.Token -= e.first - 1
	}
	e.all = append(e.all, event)
}

// want fails the test unless exactly these events were told since the last call.
func (e *events) want(t *testing.T, want ...pawl.Event) {
	t.Helper()
	synctest.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	if diff := cmp.Diff(want, e.all, cmpopts.EquateErrors()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	e.all = nil
}

func TestObserver(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		seen := &events{}
		c := w.client(&pawl.Options{Observer: seen, HandoffFor: time.Minute})
		a := mustLock(t, c, "x")
		seen.want(t, pawl.Event{Kind: pawl.Acquired, Name: "x", Token: 1})
		next := queue(t, 1, c, "x")[0]
		seen.want(t, pawl.Event{Kind: pawl.WaitBegun, Name: "x"})
		time.Sleep(2 * time.Second)
		mustUnlock(t, a)
		b := next.got(t)
		seen.mu.Lock() // Released and the other two are told by two goroutines
		if len(seen.all) == 3 && seen.all[0].Kind != pawl.Released {
			seen.all = append(seen.all[1:], seen.all[0])
		}
		seen.mu.Unlock()
		time.Sleep(renewal - 2*time.Second)
		seen.want(t,
			pawl.Event{Kind: pawl.Released, Name: "x", Token: 1, Duration: 2 * time.Second},
			pawl.Event{Kind: pawl.WaitEnded, Name: "x", Token: 2, Duration: 2 * time.Second},
			pawl.Event{Kind: pawl.HandedOn, Name: "x", Token: 2, Duration: 2 * time.Second},
			pawl.Event{Kind: pawl.Renewed, Name: "x", Token: 1})
		mustUnlock(t, b)
		seen.want(t, pawl.Event{Kind: pawl.Released, Name: "x", Token: 2, Duration: renewal - 2*time.Second})
	})
}

func TestObserverOfWaits(t *testing.T) {
	const s = time.Second
	for name, opts := range map[string][]pawl.LockOption{"in line": nil, "apart": {pawl.Note("own")}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				seen := &events{}
				c, f := w.faulty(&pawl.Options{Observer: seen})
				other := w.client(nil)
				held := mustLock(t, other, "x")
				_, err := c.Lock(t.Context(), "x", append(opts, pawl.Wait(s))...)
				wantErr(t, err, pawl.ErrHeld, "x")
				seen.want(t,
					pawl.Event{Kind: pawl.WaitBegun, Name: "x"},
					pawl.Event{Kind: pawl.WaitEnded, Name: "x", Duration: s, Err: pawl.ErrHeld})

				next := queue(t, 1, c, "x", opts...)[0]
				time.Sleep(s)
				mustUnlock(t, held)
				next.got(t)
				seen.want(t,
					pawl.Event{Kind: pawl.WaitBegun, Name: "x"},
					pawl.Event{Kind: pawl.WaitEnded, Name: "x", Token: 1, Duration: s},
					pawl.Event{Kind: pawl.Acquired, Name: "x", Token: 1, Duration: s})
				mustUnlock(t, next.lock)
				seen.want(t, pawl.Event{Kind: pawl.Released, Name: "x", Token: 1})

				// Nothing is released that was not acquired.
				f.onAcquire(slowly(f, s))
				p := lockAsync(t.Context(), c, "x", opts...)
				synctest.Wait()
				if err := c.Close(context.Background()); err != nil {
					t.Error(err)
				}
				p.wait(t)
				seen.want(t)
			})
		})
	}
}

func TestObserverOfALoss(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		seen := &events{}
		c, f := w.faulty(&pawl.Options{Observer: seen})
		f.failRenewals(errFault)
		lock := mustLock(t, c, "x", pawl.Shared())
		again := mustLock(t, c, "x", pawl.Shared())
		seen.want(t,
			pawl.Event{Kind: pawl.Acquired, Name: "x", Shared: true, Token: 1},
			pawl.Event{Kind: pawl.HandedOn, Name: "x", Shared: true, Token: 2})
		time.Sleep(renewal)
		seen.want(t, pawl.Event{Kind: pawl.RenewalFailed, Name: "x", Shared: true, Token: 1, Err: errFault})
		<-lock.Context().Done()
		synctest.Wait()
		seen.all = seen.all[len(seen.all)-1:]
		seen.want(t, pawl.Event{Kind: pawl.Lost, Name: "x", Shared: true, Token: 1, Duration: trusted, Err: pawl.ErrLost})
		wantErr(t, lock.Unlock(), pawl.ErrLost, "x")
		seen.want(t, pawl.Event{Kind: pawl.Released, Name: "x", Shared: true, Token: 1, Duration: trusted, Err: pawl.ErrLost})
		wantErr(t, again.Unlock(), pawl.ErrLost, "x")
		wantErr(t, again.Unlock(), pawl.ErrNotHeld, "x")
		seen.want(t, pawl.Event{Kind: pawl.Released, Name: "x", Shared: true, Token: 2, Duration: trusted, Err: pawl.ErrLost})
	})
}

// The events of a slot have no token, and those of a re-entry are none.
func TestObserverOfSlotsAndReentries(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		seen := &events{}
		c := w.client(&pawl.Options{Observer: seen})
		slot := mustLock(t, c, "x", pawl.Slots(2))
		again := mustLockCtx(t, slot.Context(), c, "x", pawl.Slots(2), pawl.Reentrant())
		mustUnlock(t, slot)
		seen.want(t, pawl.Event{Kind: pawl.Acquired, Name: "x", Slots: 2})
		time.Sleep(renewal)
		seen.want(t, pawl.Event{Kind: pawl.Renewed, Name: "x", Slots: 2})
		mustUnlock(t, again)
		seen.want(t, pawl.Event{Kind: pawl.Released, Name: "x", Slots: 2, Duration: renewal})
	})
}

// An observer is told without the client's mutex: calling the client does not
// deadlock, though it is not allowed to wait for anything.
func TestObserverIsToldOutsideTheMutex(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		var c *pawl.Client
		kinds := make(map[pawl.EventKind]bool)
		var mu sync.Mutex
		c, f := w.faulty(&pawl.Options{Observer: pawl.ObserverFunc(func(e pawl.Event) {
			c.InUse() // takes the mutex
			mu.Lock()
			defer mu.Unlock()
			kinds[e.Kind] = true
		})})
		lock := mustLock(t, c, "x")
		next := queue(t, 1, c, "x")[0]
		mustUnlock(t, lock)
		time.Sleep(renewal)
		synctest.Wait()
		f.failRenewals(errFault)
		<-next.got(t).Context().Done()
		wantErr(t, next.lock.Unlock(), pawl.ErrLost, "x")
		synctest.Wait()
		for kind := pawl.WaitBegun; kind <= pawl.Released; kind++ {
			if !kinds[kind] {
				t.Errorf("no event %q", kind)
			}
		}
	})
}
