package lab

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pawl-go/pawl"
)

// Point is a place in a strategy's critical section where a fault can strike.
type Point int

// The points that every strategy passes.
const (
	// BeforeWrite is after the last look at the rows and at the lock, and before the
	// write that rests on it. No transaction is open.
	BeforeWrite Point = iota
	// InsideWrite is between two statements of the transaction that writes.
	InsideWrite
	// BetweenCommands is between two commands to the lock server that should have been
	// one. Only strategies that name it in At pass it.
	BetweenCommands
	// BeforeLook is before the last look at a lock of pawl. Only strategies with such a lock
	// pass it.
	BeforeLook
	// AfterWrite is after the commit of the write, and before the lock goes back. Only
	// strategies that name it in Then pass it.
	AfterWrite
	// BeforeCommit is after the last statement of the transaction that writes. Only
	// strategies that name it in At pass it.
	BeforeCommit
)

// pointOf returns where fault strikes.
func (s *Strategy) pointOf(fault Fault) Point {
	if p, ok := s.At[fault]; ok {
		return p
	}
	switch {
	case fault == Kill:
		return InsideWrite
	case fault == Slow && s.Needs == PawlLocks:
		return BeforeLook
	}
	return BeforeWrite
}

// Env is what a strategy works with in one worker process.
type Env struct {
	DB *DB
	// Setup is the size of the run.
	Setup Setup
	// Locks is nil unless the strategy needs PawlLocks.
	Locks *pawl.Client
	// Redis is nil unless the strategy needs RawRedis.
	Redis *redis.Client
	// Lock is the name of the lock of this run, or how its names begin.
	Lock string
	// TTL is that of locks in this run.
	TTL time.Duration

	job      job
	strategy *Strategy
	finish   []func(ctx context.Context) error
	out      *speaker
	resume   chan struct{}
	pass     chan struct{}
	passes   atomic.Int64
	retries  atomic.Int64 // that no answer has told of yet
	// gate is held for writing by whom the fault pauses, and for reading by those who
	// write to the database.
	gate sync.RWMutex
}

// Think takes the time that a shop needs between reading a price and writing an
// order, different each time.
func (e *Env) Think() {
	time.Sleep(time.Duration((0.5 + rand.Float64()) * float64(e.job.Think)))
}

// Tx runs fn in a transaction, as [DB.Tx] does. Strategies write with it.
//
// It keeps other goroutines of a process from being inside a transaction when the
// process is paused: SQLite's one write lock would be paused with it, and the rest of
// the shop would wait for that instead of showing what it does meanwhile.
func (e *Env) Tx(ctx context.Context, fn func(tx *sql.Tx) error) error {
	e.gate.RLock()
	defer e.gate.RUnlock()
	return e.DB.Tx(ctx, fn)
}

// TxOptions is Tx with other options than the database's default.
func (e *Env) TxOptions(ctx context.Context, opts *sql.TxOptions, fn func(tx *sql.Tx) error) error {
	e.gate.RLock()
	defer e.gate.RUnlock()
	return e.DB.TxOptions(ctx, opts, fn)
}

// Refused counts a stale write that the database has refused, by the token that it
// came with.
func (e *Env) Refused(token uint64) {
	e.out.say(message{Kind: kindRefused, Token: token, At: time.Now()})
}

// Wrote notes that orders whose buyers have their answer are in the database by now.
// Their number per second counts until the last of these.
func (e *Env) Wrote() { e.out.say(message{Kind: kindWrote, At: time.Now()}) }

// Finish has do called once all buyers of this process have an answer, before the
// process ends. It gets a context that ends with a buyer's patience. Only New calls it.
func (e *Env) Finish(do func(ctx context.Context) error) { e.finish = append(e.finish, do) }

// Held notes for the timeline that buyer is in the critical section from now on, until
// what it returns is called. token is 0 where there is none.
func (e *Env) Held(buyer int, token uint64) (left func()) {
	if e.Setup.Fault == None {
		return func() {}
	}
	e.out.say(message{Kind: kindHeld, Buyer: buyer, Token: token, At: time.Now()})
	return func() { e.out.say(message{Kind: kindLeft, Buyer: buyer, At: time.Now()}) }
}

// Failpoint lets the fault of this run strike if it is due at p: it blocks until the
// process is killed, or has been struck and told to go on. One worker of a run is
// struck, once. ctx is what the buyer is served with.
func (e *Env) Failpoint(ctx context.Context, p Point) {
	fault := e.Setup.Fault
	if fault == None {
		return
	}
	if e.next(fault, p) {
		e.out.say(message{Kind: kindNext})
		<-e.pass
		return
	}
	if p != e.strategy.pointOf(fault) || !e.due() || !claim(e.job.Claim) {
		return
	}
	if fault == Pause {
		e.gate.Lock()
		defer e.gate.Unlock()
	}
	e.out.say(message{Kind: kindAt, Buyer: buyerOf(ctx), At: time.Now()})
	<-e.resume
}

// buyerKey is the key of a buyer in a context.
type buyerKey struct{}

func withBuyer(ctx context.Context, buyer int) context.Context {
	return context.WithValue(ctx, buyerKey{}, buyer)
}

// buyerOf returns whom ctx is for, or 0.
func buyerOf(ctx context.Context) int {
	buyer, _ := ctx.Value(buyerKey{}).(int)
	return buyer
}

// next reports whether this is the one after whom the fault has struck, at a point where
// the strategy wants that one held up.
func (e *Env) next(fault Fault, p Point) bool {
	if then, ok := e.strategy.Then[fault]; !ok || p != then {
		return false
	}
	if _, err := os.Stat(e.job.Claim); err != nil {
		return false // nobody is struck yet
	}
	return claim(e.job.Claim + ".next")
}

// due reports whether the failpoint has been passed often enough.
func (e *Env) due() bool {
	return e.strategy.Early || e.passes.Add(1) > int64(e.job.Passes)
}

// claim reports whether this is the first in any process to make the file.
func claim(path string) bool {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return false
	}
	_ = file.Close()
	return true
}
