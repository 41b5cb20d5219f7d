//go:build unix

package main

import (
	"bufio"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

// watchdogTitle names the watchdog in listings: not pawl, so that "killall -9 pawl"
// leaves it alive to do its work.
const watchdogTitle = "lock-watchdog"

// A watchdog is a process in a session of its own that kills the group when pawl is
// gone, however that happened: it holds the reading end of a pipe whose writing end
// nobody but pawl has. It also kills the group at the trust deadline when pawl,
// being stopped itself, does not.
type watchdog struct {
	pid  int
	pipe *os.File
}

const watchdogDone = "done"

// newWatchdog returns when the watchdog is ready.
func newWatchdog(g group, until time.Time) (*watchdog, error) {
	orderR, orderW, err := os.Pipe()
	if err != nil {
		return nil, systemError(err)
	}
	defer orderR.Close()
	readyR, readyW, err := os.Pipe()
	if err != nil {
		orderW.Close()
		return nil, systemError(err)
	}
	defer readyR.Close()

	w := &watchdog{pipe: orderW}
	w.pid, err = startWatchdog(g, []*os.File{orderR, readyW})
	readyW.Close()
	if err != nil {
		orderW.Close()
		return nil, systemError(err)
	}
	w.extend(until)
	if n, err := readyR.Read(make([]byte, 1)); n == 0 {
		w.dismiss()
		w.bury()
		return nil, systemError(fmt.Errorf("the watchdog: %w", err))
	}
	return w, nil
}

// startWatchdog starts the process: on nobody's terminal, file or directory.
func startWatchdog(g group, pipes []*os.File) (pid int, err error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	return startHelper(watchdogTitle, []string{watchdogArg, strconv.Itoa(int(g))}, pipes, &syscall.ProcAttr{
		Dir:   "/",
		Env:   os.Environ(),
		Files: []uintptr{null.Fd(), null.Fd(), null.Fd()},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
}

// extend tells the watchdog the trust deadline, on both clocks, as pawl.Lock.Until
// has it; by the wall clock in microseconds, since nanoseconds end in 2262 and a long
// TTL does not. Errors show as the watchdog's end.
func (w *watchdog) extend(until time.Time) { w.tell("%d %d", time.Until(until), until.UnixMicro()) }

// dismiss tells the watchdog that the group is dead.
func (w *watchdog) dismiss() {
	w.tell(watchdogDone)
	w.pipe.Close()
}

func (w *watchdog) tell(format string, args ...any) {
	// A watchdog that is stopped must not stop pawl as well.
	_ = w.pipe.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = fmt.Fprintf(w.pipe, format+"\n", args...)
}

// bury waits for the watchdog's end.
func (w *watchdog) bury() { bury(w.pid) }

// watch is the watchdog's program. Its arguments are the two pipes and the group.
func watch(args []string) int {
	if len(args) != 3 {
		return codeUsage
	}
	order, ready := inherited(args[0]), inherited(args[1])
	id, err := strconv.Atoi(args[2])
	if err != nil || id <= 1 || order == nil || ready == nil {
		return codeUsage
	}
	signal.Ignore(ending...) // its end is that of pawl
	setTitle(watchdogTitle)
	lines := readLines(order)
	_, _ = ready.Write([]byte{1})
	ready.Close()
	guard(group(id), lines)
	return 0
}

func readLines(file *os.File) <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		for scanner := bufio.NewScanner(file); scanner.Scan(); {
			lines <- scanner.Text()
		}
	}()
	return lines
}

// outOfReach is how long the watchdog tries to kill what it cannot.
const outOfReach = time.Minute

// guard kills g at the end of lines, or when the deadline that they last told has
// passed, unless they end with watchdogDone.
func guard(g group, lines <-chan string) {
	var until time.Time
	timer := time.NewTimer(time.Hour)
	for {
		select {
		case line, ok := <-lines:
			switch {
			case !ok:
				g.destroy(outOfReach)
				return
			case line == watchdogDone:
				return
			}
			until = deadline(line)
		case <-timer.C:
			if passed(until) {
				g.signal(syscall.SIGKILL)
			}
		}
		// Not only at the deadline: the machine may have been suspended meanwhile.
		timer.Reset(max(time.Millisecond, min(time.Until(until), time.Second)))
	}
}

// deadline returns the deadline that a line tells: how far away it was, which
// stands for the monotonic clock, and when by the wall clock.
func deadline(line string) time.Time {
	var away, wall int64
	_, _ = fmt.Sscan(line, &away, &wall)
	mono := time.Now().Add(time.Duration(away))
	if t := time.UnixMicro(wall); t.Before(mono) {
		return mono.Add(t.Sub(mono))
	}
	return mono
}

// passed reports whether t has passed on the monotonic or on the wall clock.
func passed(t time.Time) bool {
	now := time.Now()
	return !now.Before(t) || !now.Round(0).Before(t.Round(0))
}
