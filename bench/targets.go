package main

import (
	"fmt"
	"io"
	"math"
	"text/tabwriter"
)

// target is what pawl has to reach.
type target struct {
	backend, scenario, metric string

	peer  string  // compare to this one's figure; "best" is the best peer's; "" compares to a number
	least bool    // at least so much, otherwise at most
	bound float64 // a number, or how many times the peer's

	remark string // what has to be said to it
}

// bestPeer stands for whichever peer is best.
const bestPeer = "best"

var targets = []target{
	{"redis", "own-key", "64 workers", "rueidis", true, 1.3, ""},
	{"redis", "own-key", "64 workers", "bsm", true, 1.5, ""},
	{"redis", "contended", "acquisitions", bestPeer, true, 1, ""},
	{"redis", "contended", "fairness", "", true, 0.98, ""},
	{"redis", "contended", "wait p99", bestPeer, false, 0.2, ""},
	{"redis", "handoff", "gap p50", "", false, 0.5, ""},
	{"redis", "handoff", "gap p99", "", false, 2, ""},
	{"redis", "commands", "50 waiters", "", false, 6, ""},
	{"redis", "commands", "500 waiters", "", false, 6, ""},
	{"redis", "local", "acquisitions", bestPeer, true, 10, ""},
	{"redis", "held", "renewal calls", "", false, 199, ""},

	{"postgres", "own-key", "64 workers", "upserts", true, 0.5, ""},
	{"postgres", "handoff", "gap p50", "", false, 3, noPglock},
	{"postgres", "handoff", "gap p99", "", false, 15, noPglock},

	{"postgres-session", "own-key", "64 workers", "raw", true, 0.7, ""},
	{"postgres-session", "contended", "acquisitions", "raw", true, 1, ""},
	{"postgres-session", "contended", "fairness", "", true, 0.98, ""},

	{"mysql", "own-key", "64 workers", "upserts", true, 0.5, ""},
	{"mysql", "handoff", "gap p50", "", false, 5, ""},
	{"mysql", "handoff", "gap p99", "", false, 25, ""},
	{"mysql", "waiting", "each waiter", "", false, 20, ""},

	{"mysql-session", "own-key", "64 workers", "raw", true, 0.7, ""},
	{"mysql-session", "contended", "acquisitions", "raw", true, 1, ""},
	{"mysql-session", "contended", "fairness", "", true, 0.98, ""},

	{"mariadb", "own-key", "64 workers", "upserts", true, 0.5, ""},
	{"mariadb", "handoff", "gap p50", "", false, 5, ""},
	{"mariadb", "handoff", "gap p99", "", false, 25, ""},
	{"mariadb", "waiting", "each waiter", "", false, 20, ""},

	{"mariadb-session", "own-key", "64 workers", "raw", true, 0.7, ""},
	{"mariadb-session", "contended", "acquisitions", "raw", true, 1, ""},
	{"mariadb-session", "contended", "fairness", "", true, 0.98, ""},

	{"zookeeper", "own-key", "64 workers", "go-zookeeper", true, 1, ""},
	{"zookeeper", "own-key", "1 worker", "go-zookeeper", true, 1, ""},
	{"zookeeper", "contended", "acquisitions", "go-zookeeper", true, 2, ""},
	{"zookeeper", "contended", "fairness", "", true, 0.95, ""},
	{"zookeeper", "handoff", "gap p50", "go-zookeeper", false, 1, ""},
	{"zookeeper", "local", "acquisitions", "go-zookeeper", true, 50, ""},
	{"zookeeper", "keep-alive", "growth", "", false, 10, ""},

	{"etcd", "own-key", "64 workers", "mutex", true, 1, ""},
	{"etcd", "own-key", "1 worker", "mutex", true, 1, ""},
	{"etcd", "contended", "acquisitions", "mutex", true, 2, ""},
	{"etcd", "contended", "fairness", "", true, 0.95, ""},
	{"etcd", "handoff", "gap p50", "mutex", false, 1, ""},
	{"etcd", "local", "acquisitions", "mutex", true, 50, ""},
	{"etcd", "keep-alive", "growth", "", false, 10, ""},
}

// verdict says whether a target was reached.
type verdict struct {
	Target   string
	Measured float64 // pawl's figure
	Ratio    float64 `json:",omitempty"` // to the peer's
	Met      bool
	Remark   string `json:",omitempty"`
}

func (t *target) String() string {
	than := map[bool]string{true: "at least", false: "at most"}[t.least]
	text := fmt.Sprintf("%s %s, %s: %s %s", t.backend, t.scenario, t.metric, than, figure(t.bound))
	switch t.peer {
	case "":
		return text
	case bestPeer:
		return text + " x the best peer's"
	}
	return text + " x that of " + t.peer
}

// judge holds what was measured against the targets, as far as it was.
func (r *result) judge() {
	for _, t := range targets {
		v := verdict{Target: t.String(), Remark: t.remark}
		measured, ok := r.median(t.backend, t.scenario, ours, t.metric)
		if !ok {
			continue
		}
		v.Measured = measured
		if t.peer != "" {
			theirs, ok := r.peers(&t)
			if !ok {
				continue
			}
			v.Ratio = measured / theirs
			measured = v.Ratio
		}
		v.Met = t.least && measured >= t.bound || !t.least && measured <= t.bound
		r.Targets = append(r.Targets, v)
	}
}

// peers returns the figure to which t compares.
func (r *result) peers(t *target) (best float64, ok bool) {
	if t.peer != bestPeer {
		return r.median(t.backend, t.scenario, t.peer, t.metric)
	}
	best = math.Inf(1)
	if t.least {
		best = math.Inf(-1)
	}
	for _, c := range contenders {
		theirs, measured := r.median(t.backend, t.scenario, c.name, t.metric)
		if c.backend != t.backend || c.name == ours || !measured {
			continue
		}
		ok = true
		if t.least {
			best = max(best, theirs)
		} else {
			best = min(best, theirs)
		}
	}
	return best, ok
}

func (r *result) writeVerdicts(w io.Writer) error {
	fmt.Fprintln(w, "\ntargets")
	table := tabwriter.NewWriter(w, 2, 0, 2, ' ', 0)
	for _, v := range r.Targets {
		met := map[bool]string{true: "met", false: "MISSED"}[v.Met]
		fmt.Fprintf(table, "  %s\t%s\t%s", met, v.Target, figure(v.Measured))
		if v.Ratio != 0 {
			fmt.Fprintf(table, " (%s x)", figure(v.Ratio))
		}
		if v.Remark != "" {
			fmt.Fprintf(table, "\t%s", v.Remark)
		}
		fmt.Fprintln(table)
	}
	return table.Flush()
}
