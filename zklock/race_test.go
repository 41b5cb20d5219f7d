//go:build race

package zklock_test

// crowd is smaller with the race detector, which makes a thousand waiters of one process
// take minutes.
const crowd = 200
