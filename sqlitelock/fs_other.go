//go:build !linux && !darwin && !freebsd

package sqlitelock

// networkFS cannot tell here.
func networkFS(string) string { return "" }
