package drivertest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/internal/history"
)

// worker is the state of a worker process.
type worker struct {
	driver driver.Driver
	client *pawl.Client
	clock  history.Clock

	mu    sync.Mutex
	out   *json.Encoder
	locks map[string]*pawl.Lock // by the holder id of the command
}

// tasks are what a worker can be told to do. Each runs in a goroutine of its own.
var tasks = map[string]func(w *worker, ctx context.Context, c command) (report, error){
	"lock":    (*worker).lock,
	"unlock":  (*worker).unlock,
	"lost":    (*worker).lost,
	"acquire": (*worker).acquire,
	"release": (*worker).release,
	"load":    (*worker).load,
	"usage":   (*worker).usage,
}

// runWorker does what standard input says until it closes, which it also does when
// the suite is killed. It returns the exit code.
func runWorker(url string, open func(ctx context.Context, url string) (driver.Driver, error)) int {
	ctx := context.Background()
	w := &worker{clock: history.Host(), out: json.NewEncoder(os.Stdout), locks: make(map[string]*pawl.Lock)}
	var err error
	if w.driver, err = open(ctx, url); err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		return 1
	}
	forClient, err := open(ctx, url)
	if err == nil {
		w.client, err = pawl.New(forClient, nil)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		return 1
	}
	w.report(report{})
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var c command
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			fmt.Fprintln(os.Stderr, "worker:", err)
			return 1
		}
		go w.run(ctx, c)
	}
	return 0 // without any clean-up: what is held is left as a crash leaves it
}

func (w *worker) run(ctx context.Context, c command) {
	var r report
	err := fmt.Errorf("unknown task %q", c.Do)
	if task := tasks[c.Do]; task != nil {
		r, err = task(w, ctx, c)
	}
	r.ID, r.At = c.ID, w.clock()
	r.fail(err)
	w.report(r)
}

func (w *worker) report(r report) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.out.Encode(r); err != nil {
		os.Exit(1) // nobody listens any more
	}
}

// lock takes the lock through the client, which renews it.
func (w *worker) lock(ctx context.Context, c command) (report, error) {
	opts := []pawl.LockOption{pawl.TTL(c.Request.TTL)}
	if c.Request.Mode == driver.Shared {
		opts = append(opts, pawl.Shared())
	}
	if c.Request.Slots > 0 {
		opts = append(opts, pawl.Slots(c.Request.Slots))
	}
	lock, err := w.client.Lock(ctx, c.Request.Name, opts...)
	if err != nil {
		return report{}, err
	}
	w.mu.Lock()
	w.locks[c.Request.Holder] = lock
	w.mu.Unlock()
	return report{Token: lock.Token(), Until: w.clock.At(lock.Until())}, nil
}

func (w *worker) find(c command) (*pawl.Lock, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if lock := w.locks[c.Request.Holder]; lock != nil {
		return lock, nil
	}
	return nil, fmt.Errorf("no lock called %s", c.Request.Holder)
}

func (w *worker) unlock(_ context.Context, c command) (report, error) {
	lock, err := w.find(c)
	if err != nil {
		return report{}, err
	}
	return report{}, lock.Unlock()
}

// lost waits until the lock's context ends and returns the cause.
func (w *worker) lost(_ context.Context, c command) (report, error) {
	lock, err := w.find(c)
	if err != nil {
		return report{}, err
	}
	<-lock.Context().Done()
	return report{Until: w.clock.At(lock.Until())}, context.Cause(lock.Context())
}

// acquire gets a lease from the bare driver, which nobody renews.
func (w *worker) acquire(ctx context.Context, c command) (report, error) {
	lease, err := w.driver.Acquire(ctx, c.Request)
	if err != nil {
		return report{}, err
	}
	return report{Token: lease.Token, Until: w.clock.At(lease.Until)}, nil
}

func (w *worker) release(ctx context.Context, c command) (report, error) {
	return report{}, w.driver.Release(ctx, c.Request)
}

func (w *worker) load(ctx context.Context, c command) (report, error) {
	recorder, err := history.Open(c.History, w.clock)
	if err != nil {
		return report{}, err
	}
	if c.Driver {
		err = c.Load.byDriver(ctx, w.driver, recorder)
	} else {
		err = c.Load.byClient(ctx, w.client, recorder)
	}
	return report{}, errors.Join(err, recorder.Close())
}

func (w *worker) usage(context.Context, command) (report, error) {
	cpu, err := cpuTime()
	return report{CPU: cpu}, err
}
