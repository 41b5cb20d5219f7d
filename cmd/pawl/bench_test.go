//go:build unix

package main

import (
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"
)

// What "pawl run NAME -- true" takes more than "true": both are run in turns, and the
// medians compared.
func BenchmarkRun(b *testing.B) {
	env := append(os.Environ(), "PAWL_BACKEND=", "PAWL_HELD=", "XDG_STATE_HOME="+b.TempDir())
	var with, without []time.Duration
	for b.Loop() {
		without = append(without, timed(b, env, "true"))
		with = append(with, timed(b, env, binary, "run", "nightly-report", "--", "true"))
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(without), "true-ms")
	b.ReportMetric(median(with), "pawl-ms")
	b.ReportMetric(median(with)-median(without), "overhead-ms")
}

func timed(b *testing.B, env []string, argv ...string) time.Duration {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = env
	start := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v: %v\n%s", argv, err, out)
	}
	return time.Since(start)
}

func median(times []time.Duration) float64 {
	slices.Sort(times)
	return float64(times[len(times)/2].Microseconds()) / 1000
}
