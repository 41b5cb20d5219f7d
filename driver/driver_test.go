package driver_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/pawl-go/pawl/driver"
)

func TestTrust(t *testing.T) {
	t.Parallel()
	sent := time.Now()
	for ttl, margin := range map[time.Duration]time.Duration{
		15 * time.Second:       152 * time.Millisecond,
		time.Second:            12 * time.Millisecond,
		100 * time.Millisecond: 3 * time.Millisecond,
	} {
		if got := sent.Add(ttl).Sub(driver.Trust(sent, ttl)); got != margin {
			t.Errorf("TTL %v: margin %v, want %v", ttl, got, margin)
		}
	}
}

func TestHeldError(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("wrapped: %w", &driver.HeldError{Owner: "web-1"})
	if !errors.Is(err, driver.ErrHeld) || err.Error() != "wrapped: held by web-1" {
		t.Errorf("got %v", err)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	got := fmt.Sprint(driver.Exclusive, driver.Shared, driver.Process, driver.Host, driver.Network)
	if want := "exclusive shared process host network"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
