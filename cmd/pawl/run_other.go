//go:build !unix

package main

import "runtime"

// run needs process groups and their signals.
func (o *runOptions) run() error {
	return exitWith(codeUsage, "run is not supported on %s; use the library there", runtime.GOOS)
}

// runHelper: there are none.
func runHelper([]string) (code int, ok bool) { return 0, false }
