package lab

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/backend"
)

// ErrNoJob: a worker was started by somebody else than a Session.
var ErrNoJob = errors.New("the worker command is a part of the lab and of no use alone; run a scenario instead")

// Work is a worker process: it reads its job from in, serves its buyers, and writes
// what happens to out. A Session starts it, and the process ends when the Session
// does, which is when in ends. What it returns is why it could not work; the Session
// has been told.
func Work(scenarios []*Scenario, in io.Reader, out io.Writer) error {
	speaker := &speaker{out: out}
	err := work(scenarios, in, speaker)
	if err != nil && !errors.Is(err, ErrNoJob) {
		speaker.say(message{Kind: kindFailed, Text: err.Error()})
	}
	return err
}

// settling is how long a worker waits that serves the buyers of one that was killed: a COMMIT
// that the other had sent may not be done yet, and whoever looked now would buy twice.
const settling = 200 * time.Millisecond

func work(scenarios []*Scenario, in io.Reader, out *speaker) error {
	lines := bufio.NewReader(in)
	var j job
	first, err := lines.ReadBytes('\n')
	if err != nil || json.Unmarshal(first, &j) != nil {
		return ErrNoJob
	}
	w, err := newWorker(scenarios, j, out)
	if err != nil {
		return err
	}
	begin := make(chan struct{})
	go w.listen(lines, begin)
	out.say(message{Kind: kindReady})
	<-begin
	if j.Again {
		time.Sleep(settling)
	}
	w.serveAll()
	return errors.Join(w.env.end(), w.env.close())
}

// worker serves the buyers of one job.
type worker struct {
	scenario *Scenario
	env      *Env
	serve    Serve
	next     atomic.Int64
}

func newWorker(scenarios []*Scenario, j job, out *speaker) (*worker, error) {
	scenario, strategy, err := look(scenarios, j)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), busyTimeout)
	defer cancel()
	db, err := OpenDB(ctx, j.DB, j.Setup.Clients)
	if err != nil {
		return nil, err
	}
	env := &Env{DB: db, Setup: j.Setup, Lock: j.Lock, TTL: j.TTL, job: j, strategy: &strategy, out: out, resume: make(chan struct{}), pass: make(chan struct{})}
	if err := env.openLocks(ctx, strategy.Needs); err != nil {
		return nil, err
	}
	return &worker{scenario: scenario, env: env, serve: strategy.New(env)}, nil
}

// openLocks opens what the strategy needs of the lock server.
func (e *Env) openLocks(ctx context.Context, needs Needs) (err error) {
	switch needs {
	case PawlLocks:
		e.Locks, err = backend.Open(ctx, e.job.Locks, &pawl.Options{TTL: e.job.TTL})
	case RawRedis:
		var opts *redis.Options
		if opts, err = redis.ParseURL(e.job.Locks); err == nil {
			opts.ContextTimeoutEnabled = true // or a deadline ends no call that waits for a server
			e.Redis = redis.NewClient(opts)
		}
	}
	return err
}

// end does what is left to do when the buyers are gone.
func (e *Env) end() error {
	ctx, cancel := context.WithTimeout(context.Background(), e.job.Patience)
	defer cancel()
	var errs []error
	for _, do := range e.finish {
		errs = append(errs, do(ctx))
	}
	return errors.Join(errs...)
}

// close gives up to the TTL for what is still held.
func (e *Env) close() error {
	var errs []error
	if e.Locks != nil {
		ctx, cancel := context.WithTimeout(context.Background(), e.TTL)
		defer cancel()
		// What is still held after a fault runs out by itself.
		if err := e.Locks.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			errs = append(errs, err)
		}
	}
	if e.Redis != nil {
		errs = append(errs, e.Redis.Close())
	}
	return errors.Join(append(errs, e.DB.Close())...)
}

func look(scenarios []*Scenario, j job) (*Scenario, Strategy, error) {
	for _, scenario := range scenarios {
		if scenario.Name != j.Scenario {
			continue
		}
		if strategy, ok := scenario.find(j.Strategy); ok {
			return scenario, strategy, nil
		}
	}
	return nil, Strategy{}, fmt.Errorf("no strategy %q in scenario %q", j.Strategy, j.Scenario)
}

// listen does what the parent says, and ends the process when it is gone.
func (w *worker) listen(lines *bufio.Reader, begin chan<- struct{}) {
	for {
		line, err := lines.ReadString('\n')
		switch {
		case err != nil:
			os.Exit(1)
		case line == lineGo+"\n":
			close(begin)
		case line == lineResume+"\n":
			close(w.env.resume)
		case line == linePass+"\n":
			close(w.env.pass)
		}
	}
}

func (w *worker) serveAll() {
	var clients sync.WaitGroup
	for range w.env.job.Setup.Clients {
		clients.Go(func() {
			for {
				i := int(w.next.Add(1)) - 1
				if i >= len(w.env.job.Buyers) {
					return
				}
				w.env.out.say(w.answer(w.env.job.Buyers[i]))
			}
		})
	}
	clients.Wait()
}

// answer serves one buyer, who does not wait for ever.
func (w *worker) answer(buyer int) message {
	ctx, cancel := context.WithTimeout(context.Background(), w.env.job.Patience)
	defer cancel()
	sent := time.Now()
	answer, err := w.attempt(withBuyer(ctx, buyer), buyer)
	m := message{Kind: kindAnswer, Buyer: buyer, Answer: answer, Took: time.Since(sent), Retries: w.env.retries.Swap(0)}
	if err != nil {
		m.Answer, m.Text = failed, err.Error()
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			m.Answer = stuck
		}
	}
	return m
}

func (w *worker) attempt(ctx context.Context, buyer int) (Answer, error) {
	if w.env.job.Again {
		served, err := w.scenario.serves(ctx, w.env.DB, buyer)
		if served || err != nil {
			return Bought, err
		}
	}
	return w.serve(ctx, buyer)
}
