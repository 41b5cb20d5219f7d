package drivertest

import (
	"fmt"
	"testing"
	"time"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/internal/history"
)

// Several processes hold one after the other, through clients.
func exclusionProcesses(t *testing.T, e *env) {
	l := load{Name: e.name("stock:42"), TTL: e.ttl(ample), Times: 12, Hold: time.Millisecond}
	e.processLoads(t, func(int) command { return command{Do: "load", Load: l} })
}

// So do the bare drivers of several processes.
func exclusionProcessesDriver(t *testing.T, e *env) {
	l := load{Name: e.name("stock:42"), TTL: e.ttl(ample), Times: 12, Hold: time.Millisecond}
	e.processLoads(t, func(int) command { return command{Do: "load", Load: l, Driver: true} })
}

// Readers and writers in several processes.
func exclusionProcessesShared(t *testing.T, e *env) {
	l := load{Name: e.name("catalogue"), TTL: e.ttl(ample), Times: 12, Hold: time.Millisecond}
	e.processLoads(t, func(i int) command {
		l := l
		l.Shared = i > 0
		return command{Do: "load", Load: l, Driver: i%2 == 0}
	})
}

// Slots in several processes.
func exclusionProcessesSlots(t *testing.T, e *env) {
	l := load{Name: e.name("gpu"), TTL: e.ttl(ample), Times: 10, Slots: 2, Hold: time.Millisecond}
	e.processLoads(t, func(i int) command { return command{Do: "load", Load: l, Driver: i%2 == 0} })
}

// processLoads runs a load in each of four processes and checks the history of all.
func (e *env) processLoads(t *testing.T, of func(i int) command) {
	t.Helper()
	const n = 4
	_, path := e.record(t)
	all := e.processes(t, n)
	results := make([]<-chan report, n)
	holds := 0
	for i, p := range all {
		c := of(i)
		c.History = path
		holds += c.Load.Times
		results[i] = p.begin(t, c)
	}
	for i, p := range all {
		if err := p.result(t, results[i]).err(); err != nil {
			t.Errorf("process %d of %d: %v", i+1, n, err)
		}
	}
	checkHistory(t, path, holds)
}

// Processes that are killed at any moment, holding or waiting, take nobody's
// exclusion away and stall nobody for longer than their TTL.
func exclusionKilled(t *testing.T, e *env) {
	ttl := e.ttl(500 * time.Millisecond)
	e.abandons(ttl)
	recorder, path := e.record(t)
	l := load{Name: e.name("stock:42"), TTL: ttl, Times: 30, Hold: time.Millisecond}
	survivors := e.processes(t, 2)
	var results []<-chan report
	for _, p := range survivors {
		results = append(results, p.begin(t, command{Do: "load", Load: l, History: path}))
	}
	for i := range 3 {
		victim := e.process(t)
		endless := l
		endless.Times, endless.Hold = 1<<30, 4*time.Millisecond
		victim.begin(t, command{Do: "load", Load: endless, History: path, Driver: i == 0})
		eventually(t, "a hold of the process that will be killed", func() bool { return e.heldOnce(t, path, victim.pid()) })
		if err := recorder.Record(history.Event{Kind: history.Killed, Process: victim.pid()}); err != nil {
			t.Fatal(err)
		}
		victim.kill(t)
	}
	for i, p := range survivors {
		if err := p.result(t, results[i]).err(); err != nil {
			t.Error(err)
		}
	}
	checkHistory(t, path, len(survivors)*l.Times)
}

// heldOnce reports whether the process pid has recorded a hold.
func (e *env) heldOnce(t *testing.T, path string, pid int) bool {
	t.Helper()
	events, err := history.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, event := range events {
		if event.Kind == history.Acquired && event.Process == pid {
			return true
		}
	}
	return false
}

// eventually waits until ok.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for start := time.Now(); !ok(); pause() {
		if time.Since(start) > patience {
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// What a killed process held passes on within its TTL, and what it was waiting for
// does not wait for it.
func killedHolder(t *testing.T, e *env) {
	ttl := e.ttl(700 * time.Millisecond)
	e.timely(t, func(t *testing.T) error {
		name, p := e.name(newID()), e.process(t)
		held := p.do(t, on("lock", e.request(name, living(ttl))))
		next := e.start(t, e.open(t), e.request(name))
		e.eventually(t, name, "somebody in line", func(state driver.State) bool { return len(state.Waiters) == 1 || next.over() })
		killed := time.Now()
		p.kill(t)
		lease := next.wait(t)
		e.release(t, e.look, next.req)
		if lease.Token<<8 <= held.Token {
			t.Errorf("token %d after %d", lease.Token<<8, held.Token)
		}
		if next.at.Before(killed) {
			return fmt.Errorf("the holder lost the lock before it was killed") // too busy to renew
		}
		return e.within("the takeover", next.at.Sub(killed), ttl+e.traits.Precision)
	})
}

// A process that is killed with the holder in it and the next in line, too, keeps those
// behind both from the lock no longer than the TTL and the claim window.
func killedLine(t *testing.T, e *env) {
	ttl := e.ttl(700 * time.Millisecond)
	e.timely(t, func(t *testing.T) error {
		name, p := e.name(newID()), e.process(t)
		p.do(t, on("lock", e.request(name, living(ttl))))
		p.begin(t, on("acquire", e.request(name, living(ttl))))
		e.waiting(t, name, 1)
		next := e.start(t, e.open(t), e.request(name))
		e.waiting(t, name, 2)
		killed := time.Now()
		p.kill(t)
		next.wait(t)
		e.release(t, e.look, next.req)
		if next.at.Before(killed) {
			return fmt.Errorf("the holder lost the lock before it was killed") // too busy to renew
		}
		return e.within("the takeover", next.at.Sub(killed), ttl+e.traits.ClaimWindow+e.traits.Precision)
	})
}

// A lease that nobody renews is safe until its trust deadline although its process
// is stopped, and passes on after it. When the process goes on, it learns that it has
// lost the lock, and can do the next holder no harm.
func stoppedHolder(t *testing.T, e *env) {
	ttl := e.ttl(500 * time.Millisecond)
	e.timely(t, func(t *testing.T) error {
		name, p := e.name(newID()), e.process(t)
		req := e.request(name, living(ttl))
		p.do(t, on("lock", req))
		p.stop(t)
		next := e.start(t, e.open(t), e.request(name))
		lease := next.wait(t)
		resumed := history.Host()()
		p.resume(t)
		lost := p.result(t, p.begin(t, on("lost", req)))
		took := lost.At - resumed
		wantErr(t, "the cause of the context of what was lost meanwhile", lost.err(), driver.ErrLost)
		if at := history.Host().At(next.at); at < lost.Until {
			t.Errorf("somebody else was let in %v before the trust deadline", lost.Until-at)
		}
		wantErr(t, "Unlock of what was lost meanwhile", p.result(t, p.begin(t, on("unlock", req))).err(), driver.ErrLost)
		e.heldBy(t, name, lease)
		if renewal := renew(t, e.look, lease); renewal.Err != nil {
			t.Errorf("Renew by the next holder: %v", renewal.Err)
		}
		e.release(t, e.look, next.req)
		return e.within("to tell the holder when it went on", took, e.traits.Precision)
	})
}

// A process that is next in line and stopped is passed over within the claim window.
// When it goes on, it still gets its turn.
func claimStopped(t *testing.T, e *env) {
	e.timely(t, func(t *testing.T) error {
		return e.passOver(t, func(p *process, waits <-chan report, req driver.Request) func() {
			p.stop(t)
			return func() {
				p.resume(t)
				if err := p.result(t, waits).err(); err != nil {
					t.Errorf("Acquire of the process that was stopped: %v", err)
				}
				p.do(t, on("release", req))
			}
		})
	})
}

// So is one that was killed.
func claimKilled(t *testing.T, e *env) {
	e.timely(t, func(t *testing.T) error {
		return e.passOver(t, func(p *process, _ <-chan report, req driver.Request) func() {
			p.kill(t)
			return func() { e.release(t, e.look, req) } // it may still be known
		})
	})
}

// passOver puts a process into the line, and somebody behind it, does to the process
// what takes it out, and frees the lock.
func (e *env) passOver(t *testing.T, out func(*process, <-chan report, driver.Request) func()) error {
	t.Helper()
	name, p, d := e.name(newID()), e.process(t), e.open(t)
	first := e.acquire(t, d, e.request(name))
	req := e.request(name)
	waits := p.begin(t, on("acquire", req))
	e.waiting(t, name, 1)
	next := e.start(t, e.open(t), e.request(name))
	e.waiting(t, name, 2)
	after := out(p, waits, req)
	freed := time.Now()
	e.release(t, d, first.Request)
	next.wait(t)
	took := next.at.Sub(freed)
	e.release(t, d, next.req)
	after()
	return e.within("the takeover", took, e.traits.ClaimWindow+e.traits.Precision)
}
