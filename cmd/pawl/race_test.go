//go:build unix && race

package main

// buildFlags: what drives a command under the race detector has it built with it.
var buildFlags = []string{"-race"}
