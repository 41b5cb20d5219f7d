// Package history records who held which lock and when, in several processes at
// once, and finds what a lock service must not have let happen.
//
// What is recorded of a hold lies within the truth: Acquired is noted after the
// grant is known, Released before it is given back. So every overlap that Check
// finds is one, and none is the recorder's own.
package history

import "time"

// Kind says what happened.
type Kind string

const (
	// Acquired: the grant of a lock is known to its holder.
	Acquired Kind = "acquired"
	// Renewed: the holder has a new trust deadline.
	Renewed Kind = "renewed"
	// Released: the holder is about to give the lock back.
	Released Kind = "released"
	// Lost: the holder has learnt that the lock is gone.
	Lost Kind = "lost"
	// Killed: Process is about to be killed, with all that it holds.
	Killed Kind = "killed"
	// Forced: somebody is about to take Name from all who hold it.
	Forced Kind = "forced"
)

// Event is one line of a history.
type Event struct {
	Kind Kind `json:"kind"`
	// Name is the lock. Killed has none.
	Name string `json:"name,omitempty"`
	// Hold tells one hold from every other in the history. Killed and Forced have
	// none.
	Hold string `json:"hold,omitempty"`
	// Process is the process id of the holder, or of the one that was killed.
	Process int `json:"process"`
	// Token is the fencing token; 0 only for a slot.
	Token uint64 `json:"token,omitempty"`
	// Shared and Slots are the mode of the lock.
	Shared bool `json:"shared,omitempty"`
	Slots  int  `json:"slots,omitempty"`
	// Time is when it happened, on a clock that all processes of the history share.
	Time time.Duration `json:"time"`
	// Asked is when the holder began to ask for the lock; 0 when that is not known.
	Asked time.Duration `json:"asked,omitempty"`
	// Until is the trust deadline as it stands at the event; 0 when that is not
	// known. A hold never lasts longer than its last trust deadline.
	Until time.Duration `json:"until,omitempty"`
}
