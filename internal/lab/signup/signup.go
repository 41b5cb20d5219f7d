// Package signup is the race to be the first: the same account is submitted several times
// at once, by a double click or by a client that tries again, and each submit looks
// whether it is there and inserts it otherwise.
//
// What must hold at the end: every account that somebody was told of has one row.
package signup

import (
	"context"
	"fmt"

	"github.com/pawl-go/pawl/internal/lab"
)

// Scenario returns the race with all its strategies.
func Scenario() *lab.Scenario {
	return &lab.Scenario{
		Name: "signup",
		Line: "one account submitted several times at once: who makes it twice?",
		Words: lab.Words{
			Done: "submit", Who: "submit",
			Stock: "accounts",
			Wants: "submits, shared out among the accounts",
		},
		Stock: 20, Buyers: 300,
		Strategies: []lab.Strategy{
			findThenInsert, forUpdate, serializable, uniqueIndex,
			redisSetNxEx, pawlTryLock, pawlLock,
		},
		Prepare: prepare,
		Count:   count,
		Served:  "SELECT submit AS buyer FROM pawl_lab_submits",
		Key:     accountOf,
		Moral:   moral,
	}
}

// moral says what the lock is for here, and what the index.
func moral(r *lab.Report) string {
	lock, ok := r.Find(pawlLock.Name, lab.Pause)
	index, okIndex := r.Find(uniqueIndex.Name, lab.Pause)
	if !ok || !okIndex || lock.Verdict != lab.Broken || index.Verdict != lab.Safe {
		return ""
	}
	text := "The rule belongs into the index, which no pause outlasts."
	if discarding, ok := r.Find(pawlTryLock.Name, lab.None); ok && discarding.Discarded > 0 {
		text += fmt.Sprintf(" The lock spares work: %d submits discarded here before they reached the database.", discarding.Discarded)
	}
	return text
}

// accountOf returns what a submit is for. Submits are in a random order, so those of one
// account come at any time.
func accountOf(s lab.Setup, submit int) int { return submit%s.Stock + 1 }

// lockName returns the name of the lock on what a submit is for.
func lockName(env *lab.Env, submit int) string {
	return fmt.Sprint(env.Lock, ":", accountOf(env.Setup, submit))
}

// races reports whether two submits of one account can meet.
func races(s lab.Setup) bool { return s.AtOnce() > 1 && s.Buyers > s.Stock }

// expectLocked is what comes of a holder that outlives its lock.
func expectLocked(s lab.Setup) lab.Outcome { return lab.Duplicates.If(races(s) && s.OutlivesLock()) }

// findFirst is right when nobody else submits the same account meanwhile. stillAllowed, if
// not nil, is the last look before the write.
func findFirst(ctx context.Context, env *lab.Env, submit int, stillAllowed func() error) (lab.Answer, error) {
	found, err := find(ctx, env, env.DB, accountOf(env.Setup, submit), "")
	if err != nil {
		return "", err
	}
	env.Think()
	if stillAllowed != nil {
		if err := stillAllowed(); err != nil {
			return "", err
		}
	}
	if found == 0 {
		// Who is about to insert is whom a fault is to strike.
		env.Failpoint(ctx, lab.BeforeWrite)
	}
	return lab.Told(put(ctx, env, submit, found))
}
