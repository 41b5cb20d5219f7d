//go:build darwin || freebsd

package sqlitelock

import "golang.org/x/sys/unix"

// networkFS returns the name of the network file system that folder is on, or "".
func networkFS(folder string) string {
	var stat unix.Statfs_t
	if unix.Statfs(folder, &stat) != nil || stat.Flags&unix.MNT_LOCAL != 0 {
		return ""
	}
	return unix.ByteSliceToString(stat.Fstypename[:])
}
