package main

import (
	"errors"
	"math"
	"strconv"
	"time"
)

// seconds is a flag for a time: a Go duration, or seconds without a unit as in
// flock(1).
type seconds struct{ d *time.Duration }

var errSeconds = errors.New("want a time such as 2.5, 10s or 1h30m")

// Set parses text.
func (s seconds) Set(text string) error {
	d, err := time.ParseDuration(text)
	if err != nil {
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(n) || math.Abs(n) >= float64(math.MaxInt64)/float64(time.Second) {
			return errSeconds
		}
		d = time.Duration(n * float64(time.Second))
	}
	if d < 0 {
		return errSeconds
	}
	*s.d = d
	return nil
}

// String returns the time as a Go duration, and nothing for 0: the help would call
// that the default, which for these flags is something else.
func (s seconds) String() string {
	if s.d == nil || *s.d == 0 {
		return ""
	}
	return s.d.String()
}

// Type is what the help calls the value.
func (s seconds) Type() string { return "duration" }
