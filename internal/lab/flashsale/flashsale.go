// Package flashsale is the race for the last piece: many buyers, few pieces, one row
// of stock.
//
// What must hold at the end: there are not more orders than there were pieces, and
// the pieces that are left and the orders add up to the stock. Every strategy writes
// stock and order in one transaction, so that a crash alone loses nothing; what they
// differ in is how they get from the read to that write.
package flashsale

import (
	"fmt"

	"github.com/pawl-go/pawl/internal/lab"
)

// Scenario returns the flash sale with all its strategies, from the naive to the
// fenced, and on to those that are made for a crowd.
func Scenario() *lab.Scenario {
	return &lab.Scenario{
		Name: "flashsale",
		Line: "many buyers, few pieces: who sells more than there is?",
		Words: lab.Words{
			Products: "products; a buyer wants one piece of one of them",
			Limit: "pieces of a product that a customer may have; buyers are the visits of customers then, " +
				"each of whom comes for a product four times as often as that",
		},
		Strategies: []lab.Strategy{
			readThenWrite, decrement,
			processMutex, processMutexPerKey,
			forUpdate, forShareThenUpdate, version, versionNoRetry, timestamp, conditional, serializable, lockTable,
			redisGetSet, redisSetnx, redisSetnxExpire, redisSetNxEx, redisOwnerGetDel, redisOwnerLua,
			unlockBeforeCommit, pawlLock, pawlFenced, pawlTx,
			segments, reserve,
		},
		Prepare: prepare,
		Count:   count,
		Served:  "SELECT buyer FROM pawl_lab_orders",
		Key:     productOf,
		Moral:   moral,
	}
}

// moral says what the step from a lock to a fenced lock has shown.
func moral(r *lab.Report) string {
	lock, ok := r.Find(pawlLock.Name, lab.Pause)
	if !ok || lock.Verdict != lab.Broken {
		return ""
	}
	text := "A lock alone cannot stop a holder that was paused past its lease from writing when it wakes."
	fenced, ok := r.Find(pawlFenced.Name, lab.Pause)
	if !ok || fenced.Verdict != lab.Safe {
		return text
	}
	return text + fmt.Sprintf(" The database can, when it compares fencing tokens: stale writes refused here: %d.", fenced.Refused)
}
