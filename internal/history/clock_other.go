//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || solaris)

package history

import "time"

// Host returns the wall clock, for want of a monotonic one that the processes of
// this system share. It must not be set while a history is recorded.
func Host() Clock {
	return func() time.Duration { return time.Duration(time.Now().UnixNano()) }
}
