package sqlsession

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pawl-go/pawl/driver"
)

// Params are the parameters of a URL.
type Params struct {
	url.Values
	Timeout time.Duration // 0 when it is not given
	Waiters int           // 0 when it is not given
}

// ParseParams reads the parameters of u, of which it knows those of the driver and those
// that the driver passes on.
func ParseParams(u *url.URL, known, passedOn []string) (*Params, error) {
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, Invalid("parameters: %v", err)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		switch {
		case !slices.Contains(known, name) && !slices.Contains(passedOn, name):
			return nil, Invalid("unknown parameter %q, want one of %s", name, strings.Join(slices.Concat(known, passedOn), ", "))
		case len(values[name]) > 1:
			return nil, Invalid("parameter %s is given %d times", name, len(values[name]))
		}
	}
	p := &Params{Values: values}
	if text := values.Get("timeout"); text != "" {
		if p.Timeout, err = time.ParseDuration(text); err != nil || p.Timeout <= 0 {
			return nil, Invalid("timeout %q: want a duration such as 3s", text)
		}
	}
	if text := values.Get("waiters"); text != "" {
		if p.Waiters, err = strconv.Atoi(text); err != nil || p.Waiters <= 0 {
			return nil, Invalid("waiters %q: want a number from 1", text)
		}
	}
	return p, nil
}

// The defaults of both drivers.
const (
	defaultTimeout = 3 * time.Second
	defaultWaiters = 16
)

// Limits fills in what is 0, and refuses what is less.
func Limits(timeout *time.Duration, waiters *int) error {
	if *timeout == 0 {
		*timeout = defaultTimeout
	}
	if *waiters == 0 {
		*waiters = defaultWaiters
	}
	switch {
	case *timeout < 0:
		return Invalid("timeout %v: want more than 0", *timeout)
	case *waiters < 0:
		return Invalid("waiters %d: want more than 0", *waiters)
	}
	return nil
}

// Invalid is the error for something that the caller has to change.
func Invalid(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), driver.ErrInvalidOption)
}
