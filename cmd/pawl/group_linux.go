package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// adoptOrphans makes the child's orphans this process's children, so that it can
// bury them: dead members of the group would count as alive otherwise, until
// somebody else did.
func adoptOrphans() {
	_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) // without it, /proc tells
}

// anyRunning reports whether the group, which is known to exist, has a member that
// is not a zombie. When no member is to be seen, they are hidden (hidepid).
func (g group) anyRunning() bool {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	seen := false
	for _, path := range stats {
		stat, ok := readStat(path)
		if !ok || stat.group != g {
			continue
		}
		if stat.state != 'Z' && stat.state != 'X' {
			return true
		}
		seen = true
	}
	return !seen
}

// procStat is what is needed of /proc/PID/stat: see proc_pid_stat(5).
type procStat struct {
	state byte
	group group
}

func readStat(path string) (procStat, bool) {
	data, err := os.ReadFile(path)
	if err != nil {
		return procStat{}, false
	}
	// The name before it may hold spaces and parentheses.
	fields := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:])
	if len(fields) < 3 {
		return procStat{}, false
	}
	id, err := strconv.Atoi(string(fields[2]))
	return procStat{fields[0][0], group(id)}, err == nil
}

// othersWatched reports whether a watchdog other than own is a child of this
// process. It is an orphan of a "pawl run" inside this one that was killed, and
// lives until that one's group is dead, which was part of this run.
func othersWatched(own int) bool {
	lists, _ := filepath.Glob("/proc/self/task/*/children")
	for _, path := range lists {
		data, _ := os.ReadFile(path)
		for _, pid := range strings.Fields(string(data)) {
			comm, _ := os.ReadFile("/proc/" + pid + "/comm")
			if pid != strconv.Itoa(own) && strings.TrimSpace(string(comm)) == watchdogTitle {
				return true
			}
		}
	}
	return false
}

// setTitle names this process in listings. It is written here because prctl would
// name one thread only.
func setTitle(title string) { _ = os.WriteFile("/proc/self/comm", []byte(title), 0) }

// selfPath is this program, even after its file was replaced.
func selfPath() (string, error) { return "/proc/self/exe", nil }
