//go:build unix

package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// ending are the signals that end a process which does nothing about them.
var ending = []os.Signal{
	syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM,
	syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGALRM, syscall.SIGABRT,
}

// others are the further signals that are forwarded. Not forwarded are those that
// concern pawl itself: CHLD, PIPE, URG (the Go runtime's own), TTIN and TTOU, and
// those of faults and limits.
var others = append([]os.Signal{syscall.SIGCONT, syscall.SIGTSTP, syscall.SIGWINCH}, platformSignals()...)

// inbox receives the signals that are sent to pawl.
type inbox struct {
	signals  chan os.Signal
	children chan os.Signal // SIGCHLD; one stands for many
}

// listen begins with the signals that end pawl while it waits for the lock. The
// others keep their effect until there is a child: Ctrl-Z may stop one that waits.
func listen() *inbox {
	box := &inbox{signals: make(chan os.Signal, 64), children: make(chan os.Signal, 1)}
	box.catch(ending)
	return box
}

// catchAll makes the box receive everything, for there is a child to forward it to.
func (b *inbox) catchAll() {
	b.catch(others)
	signal.Notify(b.children, syscall.SIGCHLD)
}

// ignoreHindrances keeps pawl going when it writes to the terminal, or takes it
// back, from the background, and when nobody reads its stderr any more. It is for
// after the start of the child, which would inherit this.
func ignoreHindrances() { signal.Ignore(syscall.SIGTTOU, syscall.SIGPIPE) }

// catch leaves out what is ignored, as by nohup(1): the child inherits that.
func (b *inbox) catch(signals []os.Signal) {
	for _, sig := range signals {
		if !signal.Ignored(sig) {
			signal.Notify(b.signals, sig)
		}
	}
}

// endOnSignal makes the next signal that would end pawl do so.
func (b *inbox) endOnSignal() {
	go func() {
		for sig := range b.signals {
			if slices.Contains(ending, sig) {
				os.Exit(codeSignalOffset + int(sig.(syscall.Signal)))
			}
		}
	}()
}

// untilSignal returns a context that the next signal ends, for as long as stop is
// not called. Signals that come after stop stay in the box.
func (b *inbox) untilSignal() (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		select {
		case sig := <-b.signals:
			cancel(signalError{sig.(syscall.Signal)})
		case <-quit:
		}
	}()
	return ctx, func() { close(quit); <-done }
}

// pending returns the error for a signal that has come meanwhile, or nil.
func (b *inbox) pending() error {
	select {
	case sig := <-b.signals:
		return signalError{sig.(syscall.Signal)}
	default:
		return nil
	}
}

// signalError says that pawl was told to end before there was a child.
type signalError struct{ sig syscall.Signal }

// Error returns the signal's name.
func (e signalError) Error() string { return signalName(e.sig) }

// exit is the end of pawl that a shell would report for the signal.
func (e signalError) exit(doing string) error {
	return exitWith(codeSignalOffset+int(e.sig), "%s while %s", signalName(e.sig), doing)
}

func signalName(sig syscall.Signal) string {
	if name := unix.SignalName(sig); name != "" {
		return name
	}
	return fmt.Sprintf("signal %d", int(sig))
}
