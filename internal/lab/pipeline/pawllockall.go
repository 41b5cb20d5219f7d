package pipeline

import (
	"context"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/lab"
)

var pawlLockAll = lab.Strategy{
	Name: "pawl-lockall",
	Line: "the job under LockAll: shared on the sources, exclusive on the target; a writer locks its source",
	Why: "Others may read the sources meanwhile, nobody may write them, and no second run gets the target. All locks or none, " +
		"in one order for all. A run that was paused past its locks still deletes what has come since.",
	Needs:  lab.PawlLocks,
	Shared: true,
	Expect: func(s lab.Setup) lab.Outcome { return lab.LosesUpdates.If(races(s) && s.OutlivesLock()) },
	Blocks: lab.Renewed,
	// Whom the fault has struck deletes what was written meanwhile. Whoever writes first keeps
	// the lock until then, or another run could move the row to where it is safe.
	Then: map[lab.Fault]lab.Point{lab.Pause: lab.AfterWrite, lab.Restart: lab.AfterWrite, lab.Cut: lab.AfterWrite},
	New: func(env *lab.Env) lab.Serve {
		return steps{
			write: func(ctx context.Context, number int) (lab.Answer, error) { return writeLocked(ctx, env, number) },
			job:   func(ctx context.Context, number int) (lab.Answer, error) { return runLocked(ctx, env, number) },
		}.serve(env)
	},
}

// lockName returns the name of the lock on a table.
func lockName(env *lab.Env, table string) string { return env.Lock + ":" + table }

func writeLocked(ctx context.Context, env *lab.Env, number int) (lab.Answer, error) {
	return lab.UnderLock(ctx, env,
		func() (*pawl.Lock, error) { return env.Locks.Lock(ctx, lockName(env, sourceTable(sourceOf(number)))) },
		func(lock *pawl.Lock) (lab.Answer, error) {
			if err := lab.StillHeld(lock); err != nil {
				return "", err
			}
			err := inOneEach(ctx, env, writeRow(number))
			env.Failpoint(ctx, lab.AfterWrite)
			return lab.Told(err)
		})
}

func runLocked(ctx context.Context, env *lab.Env, number int) (lab.Answer, error) {
	want := []pawl.Wanted{pawl.Want(lockName(env, "pawl_lab_target"))}
	for _, table := range sourceTables() {
		want = append(want, pawl.Want(lockName(env, table), pawl.Shared()))
	}
	return lab.UnderLock(ctx, env,
		func() (*pawl.Locks, error) { return env.Locks.LockAll(ctx, want...) },
		func(locks *pawl.Locks) (lab.Answer, error) {
			all := locks.All()
			defer env.Held(number, all[len(all)-1].Token())() // of the target, which sorts last
			return runJob(ctx, env, number, func() error { return env.LastLook(ctx, locks) })
		})
}
