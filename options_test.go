package pawl_test

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/memlock"
)

// poor is a driver that can do as little as may be, with a TTL that is fixed.
type poor struct{ driver.Driver }

func (p poor) Traits() driver.Traits {
	return driver.Traits{Backend: "poor", FixedTTL: 20 * time.Second, CheckName: func(name string) error {
		if strings.Contains(name, "/") {
			return errors.New("contains a slash")
		}
		return nil
	}}
}

// narrow is a driver with bounds on the TTL.
type narrow struct {
	driver.Driver
	min, max time.Duration
}

func (n narrow) Traits() driver.Traits {
	return driver.Traits{Backend: "narrow", MinTTL: n.min, MaxTTL: n.max}
}

func TestOptionsOutOfRange(t *testing.T) {
	t.Parallel()
	tests := []struct {
		opts pawl.Options
		want []string // in the error
	}{
		{pawl.Options{TTL: -1}, []string{"TTL -1ns", "at least 10ms", "memory"}},
		{pawl.Options{TTL: time.Millisecond}, []string{"TTL 1ms", "at least 10ms"}},
		{pawl.Options{RenewEvery: 1}, []string{"RenewEvery 1", "over 0 and under 1"}},
		{pawl.Options{RenewEvery: -0.5}, []string{"RenewEvery -0.5", "over 0 and under 1"}},
		{pawl.Options{RenewEvery: math.NaN()}, []string{"RenewEvery NaN", "over 0 and under 1"}},
		{pawl.Options{Owner: strings.Repeat("o", 1025)}, []string{"Owner of 1025 bytes", "at most 1024"}},
		{pawl.Options{Owner: "\xff"}, []string{"Owner of 1 bytes", "UTF-8"}},
	}
	for _, test := range tests {
		_, err := pawl.New(memlock.New(), &test.opts)
		wantOneLine(t, err, pawl.ErrInvalidOption, append(test.want, "pawl: options: ")...)
	}
}

func TestLockOptionsOutOfRange(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c, f := w.faulty(nil)
		weak := w.clientOf(poor{memlock.New()}, nil)
		ranged := w.clientOf(narrow{memlock.New(), 20 * time.Second, time.Minute}, nil)
		tests := []struct {
			client *pawl.Client
			name   string
			opts   []pawl.LockOption
			err    error
			want   []string
		}{
			{c, "", nil, pawl.ErrInvalidName, []string{"empty"}},
			{c, strings.Repeat("n", 513), nil, pawl.ErrInvalidName, []string{"513 bytes", "at most 512"}},
			{c, "a\xff", nil, pawl.ErrInvalidName, []string{"not UTF-8"}},
			{c, "x", []pawl.LockOption{pawl.Slots(0)}, pawl.ErrInvalidOption, []string{"Slots(0)", "1 or more"}},
			{c, "x", []pawl.LockOption{pawl.Slots(-1), pawl.TTL(-1)}, pawl.ErrInvalidOption, []string{"Slots(-1)"}},
			{c, "x", []pawl.LockOption{pawl.Wait(-1)}, pawl.ErrInvalidOption, []string{"Wait(-1ns)", "0 or more"}},
			{c, "x", []pawl.LockOption{pawl.TTL(0)}, pawl.ErrInvalidOption, []string{"TTL(0s)", "more than 0"}},
			{c, "x", []pawl.LockOption{pawl.TTL(time.Millisecond)}, pawl.ErrInvalidOption, []string{"TTL 1ms", "at least 10ms"}},
			{c, "x", []pawl.LockOption{pawl.MaxHold(0)}, pawl.ErrInvalidOption, []string{"MaxHold(0s)", "more than 0"}},
			{c, "x", []pawl.LockOption{pawl.Note(strings.Repeat("n", 1025))}, pawl.ErrInvalidOption, []string{"Note of 1025 bytes", "at most 1024"}},
			{c, "x", []pawl.LockOption{pawl.Note("\xff")}, pawl.ErrInvalidOption, []string{"Note", "UTF-8"}},
			{c, "x", []pawl.LockOption{pawl.Shared(), pawl.Slots(2)}, pawl.ErrInvalidOption, []string{"Shared with Slots", "want one"}},
			{weak, "x", []pawl.LockOption{pawl.Shared()}, pawl.ErrUnsupported, []string{"shared locks on poor"}},
			{weak, "x", []pawl.LockOption{pawl.Slots(2)}, pawl.ErrUnsupported, []string{"slots on poor"}},
			{weak, "x", []pawl.LockOption{pawl.TTL(time.Second)}, pawl.ErrInvalidOption, []string{"poor fixes it at 20s"}},
			{weak, "a/b", nil, pawl.ErrInvalidName, []string{"contains a slash"}},
			{ranged, "x", []pawl.LockOption{pawl.TTL(19 * time.Second)}, pawl.ErrInvalidOption, []string{"at least 20s on narrow"}},
			{ranged, "x", []pawl.LockOption{pawl.TTL(time.Hour)}, pawl.ErrInvalidOption, []string{"at most 1m0s on narrow"}},
		}
		for _, test := range tests {
			_, err := test.client.Lock(t.Context(), test.name, test.opts...)
			wantOneLine(t, err, test.err, append(test.want, "pawl: lock ")...)
			_, err = test.client.TryLock(t.Context(), test.name, test.opts...)
			wantOneLine(t, err, test.err, test.want...)
			_, err = test.client.LockAll(t.Context(), pawl.Want(test.name, test.opts...))
			wantOneLine(t, err, test.err, test.want...)
		}
		if acquires, _, _ := f.counts(); acquires != 0 {
			t.Errorf("%d requests for what is out of range", acquires)
		}
		mustUnlock(t, mustLock(t, weak, "x"), mustLock(t, ranged, "x"), mustLock(t, c, strings.Repeat("n", 512)))
	})
}

// wantOneLine fails the test unless err matches target and is one line that contains
// all of parts.
func wantOneLine(t *testing.T, err, target error, parts ...string) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("got %v, want %v", err, target)
		return
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q, want one line with %q", err, part)
		}
	}
}

// The default TTL is what the backend can keep.
func TestDefaultTTL(t *testing.T) {
	tests := map[string]struct {
		driver driver.Driver
		want   time.Duration
	}{
		"any":   {memlock.New(), 15 * time.Second},
		"fixed": {poor{memlock.New()}, 20 * time.Second},
		"long":  {narrow{memlock.New(), 20 * time.Second, 0}, 20 * time.Second},
		"short": {narrow{memlock.New(), 0, time.Second}, time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				f := newFaults(t, memlock.New())
				c := w.clientOf(withTraits{f, test.driver.Traits()}, nil)
				mustUnlock(t, mustLock(t, c, "x"))
				if got := f.acquires[0].TTL; got != test.want {
					t.Errorf("TTL %v, want %v", got, test.want)
				}
			})
		})
	}
}

// withTraits is a driver with other traits.
type withTraits struct {
	driver.Driver
	traits driver.Traits
}

func (w withTraits) Traits() driver.Traits { return w.traits }

func TestOwner(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		host, _ := os.Hostname()
		for owner, want := range map[string]string{"": host + "/" + strconv.Itoa(os.Getpid()) + "/" + filepath.Base(os.Args[0]), "me": "me"} {
			lock := mustLock(t, w.client(&pawl.Options{Owner: owner}), "x")
			if got := w.inspect("x").Holders[0].Owner; got != want {
				t.Errorf("owner %q, want %q", got, want)
			}
			mustUnlock(t, lock)
		}
	})
}

// A driver that can do no more than it must still works; what it cannot is
// ErrUnsupported.
func TestUnsupported(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.clientOf(poor{w.store.Driver()}, nil)
		_, err := c.Inspect(t.Context(), "x")
		wantErr(t, err, pawl.ErrUnsupported, "x")
		_, err = c.List(t.Context(), "x")
		wantErr(t, err, pawl.ErrUnsupported, "x")
		wantErr(t, c.Break(t.Context(), "x"), pawl.ErrUnsupported, "x")
		wantErr(t, c.Force(t.Context(), "x"), pawl.ErrUnsupported, "x")
		lock := mustLock(t, c, "x")
		_, err = c.Lock(t.Context(), "x", pawl.Wait(time.Second))
		wantErr(t, err, pawl.ErrHeld, "x")
		mustUnlock(t, lock)
	})
}
