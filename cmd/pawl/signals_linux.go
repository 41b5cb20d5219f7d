package main

import (
	"os"
	"syscall"
)

// Real-time signals that a Go program can receive; the C library keeps those below
// for itself.
const firstRealTime, lastRealTime = 35, 64

// platformSignals are the signals to forward that only Linux has.
func platformSignals() []os.Signal {
	signals := []os.Signal{syscall.SIGIO, syscall.SIGPWR}
	for sig := firstRealTime; sig <= lastRealTime; sig++ {
		signals = append(signals, syscall.Signal(sig))
	}
	return signals
}
