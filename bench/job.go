package main

import (
	"context"
	"sync"
	"time"

	"github.com/pawl-go/pawl/internal/history"
)

// job is what one process does.
type job struct {
	Backend, Contender, URL string
	Name                    string // of the lock
	Workers                 int
	Hold, Stretch           time.Duration
}

// job returns that of a process with so many workers that want one key.
func (t *turn) job(workers int) job {
	return job{Backend: t.contender.backend, Contender: t.contender.name, URL: t.server.url,
		Name: "stock:42", Workers: workers, Hold: hold, Stretch: t.stretch}
}

// report is what a process has seen.
type report struct {
	Error   string
	Workers []workerReport
}

type workerReport struct {
	Held  int             // acquisitions within the stretch
	Stuck bool            // still waited when the grace was over
	Waits []time.Duration // how long each call of Lock took
	Spans []span
}

// span is from when to when the key was held, on the clock that all processes of the
// machine share.
type span struct{ From, To time.Duration }

// grace is how much longer than a stretch those who wait at its end may wait: a long
// wait is not to be lost because the stretch was short. Where nobody wakes them any
// more they are stuck.
const grace = 5 * time.Second

// do lets the workers want the key for the stretch.
func (j *job) do(ctx context.Context, l locker) report {
	r := report{Workers: make([]workerReport, j.Workers)}
	var group sync.WaitGroup
	var once sync.Once
	for i := range r.Workers {
		group.Go(func() {
			if err := j.want(ctx, l, &r.Workers[i]); err != nil {
				once.Do(func() { r.Error = err.Error() })
			}
		})
	}
	group.Wait()
	return r
}

// want is one worker.
func (j *job) want(ctx context.Context, l locker, r *workerReport) error {
	clock := history.Host()
	ctx, cancel := context.WithTimeout(ctx, j.Stretch+grace)
	defer cancel()
	for end := clock() + j.Stretch; ; {
		asked := clock()
		if asked >= end {
			return nil
		}
		unlock, err := l.Lock(ctx, j.Name)
		from := clock()
		r.Waits = append(r.Waits, from-asked)
		if r.Stuck = err != nil && ctx.Err() != nil; r.Stuck {
			return nil
		}
		if err != nil {
			return err
		}
		if from < end {
			r.Held++
		}
		time.Sleep(j.Hold)
		to := clock()
		if err := unlock(); err != nil {
			return err
		}
		r.Spans = append(r.Spans, span{from, to})
	}
}
