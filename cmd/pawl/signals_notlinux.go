//go:build unix && !linux

package main

import "os"

// platformSignals are the signals to forward that only this system has.
func platformSignals() []os.Signal { return nil }
