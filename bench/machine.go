package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// machine is where it was measured.
type machine struct {
	CPU      string
	Cores    int
	System   string
	Go       string
	Versions []string // of the servers
	Load     string   // at the end: 1, 5 and 15 minutes
}

func (m *machine) describe() {
	m.Cores = runtime.NumCPU()
	m.Go = runtime.Version()
	m.CPU = runtime.GOARCH
	m.System = runtime.GOOS
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		_, model, _ := strings.Cut(string(info), "model name\t: ")
		m.CPU, _, _ = strings.Cut(model, "\n")
	}
	if name, err := exec.Command("uname", "-sr").Output(); err == nil {
		m.System = strings.TrimSpace(string(name))
	}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.Load = strings.Join(strings.Fields(string(load))[:3], " ")
	}
}

func (m *machine) String() string {
	return fmt.Sprintf("%s, %d cores, %s, %s, %s, load %s", m.CPU, m.Cores, m.System, m.Go, strings.Join(m.Versions, ", "), m.Load)
}
