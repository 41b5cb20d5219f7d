//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd || solaris

package history

import (
	"time"

	"golang.org/x/sys/unix"
)

// Host returns the monotonic clock of the machine, which all its processes share.
func Host() Clock {
	return func() time.Duration {
		var now unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
			panic("history: no monotonic clock: " + err.Error())
		}
		return time.Duration(now.Nano())
	}
}
