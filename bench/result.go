package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// result is everything that was measured, as it is written as JSON.
type result struct {
	Machine  machine
	Runs     int
	Stretch  string            // of a turn that is bounded by time
	Settings map[string]string // by backend/contender
	Figures  []*series
	Failures []string `json:",omitempty"` // turns that were not finished
	Missing  []string `json:",omitempty"` // backends that are not installed
	Targets  []verdict

	failed int // of pawl's turns
}

// series is one figure of one contender in all of its turns.
type series struct {
	Backend, Scenario, Contender, Metric, Unit string

	Values []float64
	Median float64
}

func (r *result) add(sc *scenario, c *contender, got figures) {
	for _, m := range sc.metrics {
		value, measured := got[m.name]
		if !measured {
			continue
		}
		s := r.find(c.backend, sc.name, c.name, m.name)
		if s == nil {
			s = &series{Backend: c.backend, Scenario: sc.name, Contender: c.name, Metric: m.name, Unit: m.unit}
			r.Figures = append(r.Figures, s)
		}
		s.Values = append(s.Values, value)
		s.Median = median(s.Values)
	}
}

func (r *result) fail(sc *scenario, c *contender, run int, err error) {
	r.Failures = append(r.Failures, fmt.Sprintf("%s: %s, %s, run %d: %v", c.backend, sc.name, c.name, run, err))
	if c.name == ours {
		r.failed++
	}
}

// incomplete returns an error when pawl did not finish all of its turns: its medians
// are of the others.
func (r *result) incomplete() error {
	if r.failed == 0 {
		return nil
	}
	return fmt.Errorf("pawl did not finish %d of its turns", r.failed)
}

func (r *result) find(backend, scenario, contender, metric string) *series {
	for _, s := range r.Figures {
		if s.Backend == backend && s.Scenario == scenario && s.Contender == contender && s.Metric == metric {
			return s
		}
	}
	return nil
}

// median returns that of a figure, and false when it was not measured.
func (r *result) median(backend, scenario, contender, metric string) (float64, bool) {
	s := r.find(backend, scenario, contender, metric)
	if s == nil {
		return 0, false
	}
	return s.Median, true
}

func (r *result) writeJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

func (r *result) writeFile(path string) error {
	var text strings.Builder
	if err := r.writeJSON(&text); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text.String()), 0o600)
}
