//go:build !unix

package sessiontest

import "testing"

// Helper does nothing: the tests that need it are for Unix.
func Helper(t *testing.T, _ Fixture) { t.Skip("needs signals") }
