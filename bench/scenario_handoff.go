package main

import (
	"context"
	"errors"
	"slices"
	"time"
)

var handoff = scenario{
	name:    "handoff",
	what:    "from the call of unlock in one process to the return of lock in the other, 2 processes, held for 1 ms",
	metrics: []metric{{"gap p50", "ms"}, {"gap p99", "ms"}, {"changes", "per s"}},
	play: func(ctx context.Context, t *turn) (figures, error) {
		reports, err := inProcesses(ctx, 2, t.job(1))
		if err != nil {
			return nil, err
		}
		gaps := changes(reports)
		if len(gaps) == 0 {
			return nil, errors.New("the key never changed hands")
		}
		return figures{
			"gap p50": milliseconds(quantile(gaps, 0.5)),
			"gap p99": milliseconds(quantile(gaps, 0.99)),
			"changes": float64(len(gaps)) / t.stretch.Seconds(),
		}, nil
	},
}

// changes returns the gaps where the next holder was another process.
func changes(reports []report) (gaps []time.Duration) {
	type held struct {
		span
		process int
	}
	var all []held
	for process, r := range reports {
		for _, w := range r.Workers {
			for _, s := range w.Spans {
				all = append(all, held{s, process})
			}
		}
	}
	slices.SortFunc(all, func(a, b held) int { return int(a.From - b.From) })
	for i := 1; i < len(all); i++ {
		if all[i].process != all[i-1].process {
			gaps = append(gaps, all[i].From-all[i-1].To)
		}
	}
	return gaps
}
