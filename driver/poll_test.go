package driver_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-go/pawl/driver"
)

// tries calls Poll with a try that answers with what answer returns, for the nth try
// from 0, and returns when the tries came.
func tries(ctx context.Context, answer func(n int) error) (at []time.Duration, err error) {
	start := time.Now()
	_, err = driver.Poll(ctx, func(context.Context) (driver.Lease, error) {
		at = append(at, time.Since(start))
		return driver.Lease{Token: 1}, answer(len(at) - 1)
	})
	return at, err
}

// waits returns the times between tries.
func waits(at []time.Duration) (waits []time.Duration) {
	for i := range at[1:] {
		waits = append(waits, at[i+1]-at[i])
	}
	return waits
}

func TestPollReturnsWhatIsNotHeld(t *testing.T) {
	t.Parallel()
	lease, err := driver.Poll(t.Context(), func(context.Context) (driver.Lease, error) {
		return driver.Lease{Token: 7}, nil
	})
	if lease.Token != 7 || err != nil {
		t.Errorf("Poll: %+v, %v, want the lease", lease, err)
	}
	at, err := tries(t.Context(), func(int) error { return driver.ErrUnavailable })
	if !errors.Is(err, driver.ErrUnavailable) || len(at) != 1 {
		t.Errorf("Poll: %v after %d tries, want the error of the first", err, len(at))
	}
}

func TestPollWaitsLongerAndLonger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		at, err := tries(t.Context(), func(n int) error {
			if n < 40 {
				return &driver.HeldError{}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		got := waits(at)
		if at[0] != 0 {
			t.Errorf("the first try came after %v, want at once", at[0])
		}
		between := func(what string, wait, least, most time.Duration) {
			t.Helper()
			if wait < least || wait > most {
				t.Errorf("%s: %v, want %v to %v", what, wait, least, most)
			}
		}
		between("the first wait", got[0], 3*time.Millisecond, 7*time.Millisecond)
		for _, wait := range got[20:] {
			between("a late wait", wait, 150*time.Millisecond, 250*time.Millisecond)
		}
	})
}

// Those who begin together do not stay together.
func TestPollJitters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		answer := func(n int) error {
			if n < 20 {
				return driver.ErrHeld
			}
			return nil
		}
		one, _ := tries(t.Context(), answer)
		two, _ := tries(t.Context(), answer)
		if cmp.Equal(waits(one), waits(two)) {
			t.Errorf("two polls waited the same: %v", waits(one))
		}
	})
}

// Once the waits are long, a try still comes at the holder's expiry.
func TestPollTriesAtTheExpiry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const ttl = 5*time.Second + 7*time.Millisecond
		until := time.Now().Add(ttl)
		at, err := tries(t.Context(), func(int) error {
			if time.Now().Before(until) {
				return &driver.HeldError{Until: until}
			}
			return nil
		})
		if last := at[len(at)-1]; err != nil || last != ttl {
			t.Errorf("Poll: %v after %v, want nil after %v", err, last, ttl)
		}
	})
}

// An expiry that is over does not make it try without a pause.
func TestPollWaitsAfterTheExpiry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		over := time.Now().Add(-time.Hour)
		at, _ := tries(t.Context(), func(n int) error {
			if n < 10 {
				return &driver.HeldError{Until: over}
			}
			return nil
		})
		for _, wait := range waits(at) {
			if wait < 3*time.Millisecond {
				t.Errorf("a wait of %v", wait)
			}
		}
	})
}

func TestPollEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := tries(ctx, func(int) error { return driver.ErrHeld })
		if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took != time.Second {
			t.Errorf("Poll: %v after %v, want %v after 1s", err, took, context.DeadlineExceeded)
		}
		at, err := tries(ctx, func(int) error { return nil })
		if len(at) != 0 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Poll on a context that is over: %v after %d tries", err, len(at))
		}
	})
}
