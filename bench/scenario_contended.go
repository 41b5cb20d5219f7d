package main

import (
	"context"
	"time"
)

// hold is for how long a contended key is held. All sleep: whoever works under a lock
// mostly waits for something else.
const hold = time.Millisecond

var contended = scenario{
	name: "contended",
	what: "4 processes of 8 workers want one key, held for 1 ms; stuck is who was still not woken 5 s after the last request",
	// Nothing is asked of the tables here, and a run of everything is long.
	on: names{"redis", "postgres-session", "mysql-session", "mariadb-session", "zookeeper", "etcd"},
	metrics: []metric{{"acquisitions", "per s"}, {"fairness", "Jain's index"},
		{"wait p99", "ms"}, {"wait max", "ms"}, {"stuck", "waiters"}},
	play: func(ctx context.Context, t *turn) (figures, error) {
		reports, err := inProcesses(ctx, 4, t.job(8))
		if err != nil {
			return nil, err
		}
		var counts []float64
		var waits []time.Duration
		stuck := 0.0
		for _, r := range reports {
			for _, w := range r.Workers {
				counts = append(counts, float64(w.Held))
				waits = append(waits, w.Waits...)
				if w.Stuck {
					stuck++
				}
			}
		}
		return figures{
			"acquisitions": sum(counts) / t.stretch.Seconds(),
			"fairness":     jain(counts),
			"wait p99":     milliseconds(quantile(waits, 0.99)),
			"wait max":     milliseconds(quantile(waits, 1)),
			"stuck":        stuck,
		}, nil
	},
}
