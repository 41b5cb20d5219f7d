// Package pipeline is the job of a warehouse: every so often it copies the rows of several
// sources into one target, INSERT ... SELECT, and deletes them from the sources, while
// others go on inserting there.
//
// What must hold at the end: every row that was written is in its source or in the target,
// and once. The statements of the job commit one by one, as they do where a transaction
// does not span tables or would be too long. So a run that died between copying and
// deleting has left rows in both, and every run begins with deleting those: a lock makes
// several statements look like one to the others, not to a crash.
package pipeline

import (
	"context"
	"fmt"

	"github.com/pawl-go/pawl/internal/lab"
)

// sources is the number of tables that a job reads.
const sources = 3

// Scenario returns the race with all its strategies.
func Scenario() *lab.Scenario {
	return &lab.Scenario{
		Name: "pipeline",
		Line: "a job moves rows from several tables into one while others insert: which are lost, which come twice?",
		Words: lab.Words{
			Done: "row or run", Who: "writer or job",
			Stock: "runs of the job, among the writers",
			Wants: "writers of a row each, and runs of the job",
		},
		Stock: 30, Buyers: 400,
		Strategies: []lab.Strategy{noLock, processMutex, serializable, pawlLockAll},
		Prepare:    prepare,
		Count:      count,
		Served:     "SELECT item AS buyer FROM pawl_lab_written UNION ALL SELECT number FROM pawl_lab_runs",
		Moral:      moral,
	}
}

// moral says what the locks have done for the job.
func moral(r *lab.Report) string {
	without, ok := r.Find(noLock.Name, lab.Kill)
	with, okWith := r.Find(pawlLockAll.Name, lab.Kill)
	if !ok || !okWith || without.Verdict != lab.Broken || with.Verdict != lab.Safe {
		return ""
	}
	return fmt.Sprintf("Several tables, several statements, no transaction over them: locks on all of them keep the job and the writers "+
		"apart, and a run that begins with what the last one has left survives a crash. Without: %d rows lost or twice.",
		without.Lost+without.Doubled)
}

// isJob reports whether it is a run of the job, and not a writer. Both come in a random
// order.
func isJob(s lab.Setup, number int) bool { return number <= s.Stock }

// sourceOf returns the source that a writer writes to.
func sourceOf(number int) int { return number%sources + 1 }

// races reports whether the job can meet others.
func races(s lab.Setup) bool { return s.AtOnce() > 1 && s.Stock > 0 }

// steps are what a strategy does for a writer and for the job.
type steps struct {
	write, job func(ctx context.Context, number int) (lab.Answer, error)
}

// serve has each number do what it is for.
func (s steps) serve(env *lab.Env) lab.Serve {
	return func(ctx context.Context, number int) (lab.Answer, error) {
		if isJob(env.Setup, number) {
			return s.job(ctx, number)
		}
		return s.write(ctx, number)
	}
}

// runJob moves the rows in statements that commit one by one. stillAllowed, if not nil, is
// the last look before what was copied is deleted.
func runJob(ctx context.Context, env *lab.Env, number int, stillAllowed func() error) (lab.Answer, error) {
	if err := inOneEach(ctx, env, deleteCopied, copyRows); err != nil {
		return "", err
	}
	env.Think()
	if stillAllowed != nil {
		if err := stillAllowed(); err != nil {
			return "", err
		}
	}
	env.Failpoint(ctx, lab.BeforeWrite)
	env.Failpoint(ctx, lab.InsideWrite) // between two writes, although not of one transaction
	return lab.Told(inOneEach(ctx, env, deleteAll, noteRun(number)))
}
