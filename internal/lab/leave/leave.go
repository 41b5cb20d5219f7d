// Package leave is the race for days off: employees with days left, and requests for
// several days at once that are approved concurrently from the same balance.
//
// What must hold at the end: the days taken and the days left add up to those that were
// granted, nobody has fewer than none left, and every request that was told yes is there.
// Every strategy writes balance and leave in one transaction.
package leave

import (
	"context"
	"fmt"

	"github.com/pawl-go/pawl/internal/lab"
)

// Scenario returns the race with all its strategies.
func Scenario() *lab.Scenario {
	return &lab.Scenario{
		Name: "leave",
		Line: "requests for days off, approved at once from one balance: who takes more than was granted?",
		Words: lab.Words{
			Done: "approval", Who: "request",
			Stock:    "days granted to each employee",
			Wants:    "requests, each for one to three days",
			Products: "employees",
		},
		Stock: 40, Buyers: 400, Products: 4,
		Strategies: []lab.Strategy{
			readThenWrite, decrement, processMutexPerKey,
			forUpdate, version, conditional, serializable,
			pawlLock, pawlFenced,
		},
		Prepare: prepare,
		Count:   count,
		Served:  "SELECT request AS buyer FROM pawl_lab_leave",
		Key:     employeeOf,
		Moral:   moral,
	}
}

// moral says what the step from a lock to a fenced lock has shown.
func moral(r *lab.Report) string {
	lock, ok := r.Find(pawlLock.Name, lab.Pause)
	fenced, okFenced := r.Find(pawlFenced.Name, lab.Pause)
	if !ok || !okFenced || lock.Verdict != lab.Broken || fenced.Verdict != lab.Safe {
		return ""
	}
	return fmt.Sprintf("A rule that fits into one statement needs no lock: conditional. One that does not needs a lock "+
		"whose token the row checks: stale approvals refused here: %d.", fenced.Refused)
}

// request is one for leave, as its number says it.
type request struct{ number, employee, days int }

func requestOf(s lab.Setup, number int) request {
	return request{number: number, employee: employeeOf(s, number), days: number/s.Products%3 + 1}
}

// employeeOf returns whose request it is.
func employeeOf(s lab.Setup, number int) int { return number%s.Products + 1 }

// lockName returns the name of the lock on the employee's balance.
func (r request) lockName(env *lab.Env) string { return fmt.Sprint(env.Lock, ":", r.employee) }

// overdrawn is what comes of those who decide by an old balance.
func overdrawn(s lab.Setup) lab.Outcome {
	if tooMuch(s) {
		return lab.Oversells
	}
	return lab.LosesUpdates
}

// tooMuch reports whether some employee wants more days than are granted.
func tooMuch(s lab.Setup) bool {
	wanted := make(map[int]int)
	for number := 1; number <= s.Buyers; number++ {
		r := requestOf(s, number)
		if wanted[r.employee] += r.days; wanted[r.employee] > s.Stock {
			return true
		}
	}
	return false
}

// approve is what the strategies have in common that read the balance first: it refuses
// what is not there, thinks, and has write approve the rest.
func approve(ctx context.Context, env *lab.Env, number int, write func(request, balance) error) (lab.Answer, error) {
	r := requestOf(env.Setup, number)
	b, err := readBalance(ctx, env, env.DB, r.employee, "")
	if err != nil {
		return "", err
	}
	if b.days < r.days {
		return lab.SoldOut, nil
	}
	env.Think()
	env.Failpoint(ctx, lab.BeforeWrite)
	return lab.Told(write(r, b))
}
