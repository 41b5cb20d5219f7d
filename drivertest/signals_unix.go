//go:build unix

package drivertest

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// pauseProcess sends SIGSTOP to a child and waits until it has stopped.
func pauseProcess(pid int) error {
	if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
		return err
	}
	for {
		var status unix.WaitStatus
		_, err := unix.Wait4(pid, &status, unix.WUNTRACED, nil)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return err
		case !status.Stopped():
			return fmt.Errorf("it has ended: %v", status)
		default:
			return nil
		}
	}
}

// resume sends SIGCONT.
func resume(pid int) error { return unix.Kill(pid, unix.SIGCONT) }

// cpuTime returns the processor time that this process has used.
func cpuTime() (time.Duration, error) {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		return 0, err
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), nil
}
