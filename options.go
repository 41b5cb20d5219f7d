package pawl

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"
	"unicode/utf8"

	"github.com/pawl-go/pawl/driver"
)

// Defaults of Options.
const (
	DefaultTTL        = 15 * time.Second
	DefaultRenewEvery = 1.0 / 3
	DefaultHandoffFor = 10 * time.Millisecond
)

// Limits in bytes.
const (
	maxName = 512
	maxText = 1024
)

// Options are the settings of a Client. The zero value of a field, and a nil
// *Options, mean the default.
type Options struct {
	// Owner is the text by which people will know this client in listings and
	// errors, up to 1024 bytes. Nothing is decided by it. The default is host,
	// process id and program: "web-1/4711/shop".
	Owner string

	// TTL is how long a lock outlives a holder that has died, unless the lock says
	// otherwise. The default is DefaultTTL, or what the backend fixes.
	TTL time.Duration

	// RenewEvery is the part of the TTL after which a lease is renewed, over 0 and
	// under 1; exactly, of the time until the trust deadline, which is a little less
	// than the TTL. The default, a third, leaves two more chances when a renewal fails.
	RenewEvery float64

	// HandoffFor is how long after a grant the lease may pass among the goroutines of
	// this client before it goes back to the backend, so that other clients get their
	// turn. The default is DefaultHandoffFor; negative turns passing on off.
	HandoffFor time.Duration

	// Logger gets what no caller is told: locks that were lost, renewals that failed,
	// clean-up that was not confirmed. nil discards.
	Logger *slog.Logger

	// Observer is told of every step in a lock's life. nil means nobody is.
	Observer Observer
}

// withDefaults returns a checked copy of o with every field set.
func (o *Options) withDefaults(traits driver.Traits) (Options, error) {
	var opts Options
	if o != nil {
		opts = *o
	}
	if opts.Owner == "" {
		opts.Owner = defaultOwner()
	}
	if err := checkText("Owner", opts.Owner); err != nil {
		return opts, err
	}
	if opts.TTL == 0 {
		opts.TTL = defaultTTL(traits)
	}
	if err := checkTTL(opts.TTL, traits); err != nil {
		return opts, err
	}
	if opts.RenewEvery == 0 {
		opts.RenewEvery = DefaultRenewEvery
	}
	if !(opts.RenewEvery > 0 && opts.RenewEvery < 1) {
		return opts, fmt.Errorf("RenewEvery %v: want a part of the TTL, over 0 and under 1: %w", opts.RenewEvery, ErrInvalidOption)
	}
	if opts.HandoffFor == 0 {
		opts.HandoffFor = DefaultHandoffFor
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	return opts, nil
}

func defaultTTL(traits driver.Traits) time.Duration {
	if traits.FixedTTL != 0 {
		return traits.FixedTTL
	}
	ttl := max(DefaultTTL, traits.MinTTL)
	if traits.MaxTTL != 0 {
		ttl = min(ttl, traits.MaxTTL)
	}
	return ttl
}

func defaultOwner() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown-host"
	}
	return fmt.Sprintf("%s/%d/%s", host, os.Getpid(), filepath.Base(os.Args[0]))
}

// A LockOption is a setting of one acquisition.
type LockOption func(*settings)

// settings are the checked LockOptions of one acquisition.
type settings struct {
	mode      driver.Mode
	slots     int
	ttl       time.Duration
	wait      time.Duration
	waitSet   bool
	maxHold   time.Duration
	noRenew   bool
	reentrant bool
	note      string
	err       error // the first option that was out of range
}

func (s *settings) fail(format string, args ...any) {
	if s.err == nil {
		s.err = fmt.Errorf(format+": %w", append(args, ErrInvalidOption)...)
	}
}

// Shared asks for a shared lock: any number of shared holders at once, but none
// beside an exclusive one. For a backend without shared locks it is
// ErrUnsupported.
func Shared() LockOption {
	return func(s *settings) { s.mode = driver.Shared }
}

// Slots makes the name a semaphore: at most n holders at once. All who use a name
// at the same time must give the same n; other slots than the name is in use with
// are ErrInvalidOption. The tokens of slots are 0, because several holders are
// valid at once and no token can tell a late one.
func Slots(n int) LockOption {
	return func(s *settings) {
		if n < 1 {
			s.fail("Slots(%d): want 1 or more", n)
		}
		s.slots = n
	}
}

// Wait bounds the waiting by d; its end is a *HeldError. 0 means not to wait at
// all. Without Wait, only ctx bounds it. In LockAll the time runs from its call. A
// backend that has not answered the first request by then, or within a second, is
// ErrUnavailable.
func Wait(d time.Duration) LockOption {
	return func(s *settings) {
		if d < 0 {
			s.fail("Wait(%v): want 0 or more", d)
		}
		s.wait, s.waitSet = d, true
	}
}

// TTL sets the time to live of this lock's lease, in place of Options.TTL.
func TTL(d time.Duration) LockOption {
	return func(s *settings) {
		if d <= 0 {
			s.fail("TTL(%v): want more than 0", d)
		}
		s.ttl = d
	}
}

// MaxHold ends the lock's context and its renewals d after the grant, so that
// work which is stuck does not hold for ever. Like every end of a context it does
// not release: the lock is free at Unlock or at expiry.
func MaxHold(d time.Duration) LockOption {
	return func(s *settings) {
		if d <= 0 {
			s.fail("MaxHold(%v): want more than 0", d)
		}
		s.maxHold = d
	}
}

// NoRenew keeps the lease at its one TTL: the lock's context ends then, whatever
// its holder does.
func NoRenew() LockOption {
	return func(s *settings) { s.noRenew = true }
}

// Reentrant makes asking for a lock that ctx already holds a re-entry in place of
// ErrDeadlock: the same lease and token once more, to be unlocked once more. ctx
// must come from that lock's Context.
func Reentrant() LockOption {
	return func(s *settings) { s.reentrant = true }
}

// Note attaches text for people who inspect the lock, up to 1024 bytes.
func Note(text string) LockOption {
	return func(s *settings) {
		if err := checkText("Note", text); err != nil && s.err == nil {
			s.err = err
		}
		s.note = text
	}
}

// apply is a function of its own because what options point at is allocated.
func apply(opts []LockOption) (s settings) {
	for _, opt := range opts {
		opt(&s)
	}
	return s
}

// settings applies opts and checks them, and name, against what the backend can.
func (c *Client) settings(name string, opts []LockOption) (settings, error) {
	s := settings{}
	if len(opts) > 0 {
		s = apply(opts)
	}
	if s.ttl == 0 {
		s.ttl = c.opts.TTL
	}
	if s.err != nil {
		return s, s.err
	}
	if err := checkName(name, c.traits); err != nil {
		return s, err
	}
	switch {
	case s.slots > 0 && s.mode == driver.Shared:
		return s, fmt.Errorf("Shared with Slots: want one of them: %w", ErrInvalidOption)
	case s.mode == driver.Shared && !c.traits.Shared:
		return s, fmt.Errorf("shared locks on %s: %w", c.traits.Backend, ErrUnsupported)
	case s.slots > 0 && !c.traits.Slots:
		return s, fmt.Errorf("slots on %s: %w", c.traits.Backend, ErrUnsupported)
	}
	return s, checkTTL(s.ttl, c.traits)
}

// noWait reports whether the caller wants an answer at once.
func (s *settings) noWait() bool { return s.waitSet && s.wait == 0 }

// waited reports whether a caller who has asked since since does not want to wait
// any longer.
func (s *settings) waited(since time.Time) bool {
	return s.waitSet && time.Since(since) >= s.wait
}

// apart reports whether a lock with these settings has a lease of its own: it may
// not be passed on to a goroutine that asked for something else.
func (s *settings) apart() bool {
	return s.slots > 0 || s.noRenew || s.maxHold > 0 || s.note != ""
}

func checkName(name string, traits driver.Traits) error {
	switch {
	case name == "":
		return fmt.Errorf("%w: empty", ErrInvalidName)
	case len(name) > maxName:
		return fmt.Errorf("%w: %d bytes, want at most %d", ErrInvalidName, len(name), maxName)
	case !utf8.ValidString(name):
		return fmt.Errorf("%w: not UTF-8", ErrInvalidName)
	case traits.CheckName != nil:
		if err := traits.CheckName(name); err != nil {
			return fmt.Errorf("%w: %w", ErrInvalidName, err)
		}
	}
	return nil
}

func checkText(what, text string) error {
	if len(text) > maxText || !utf8.ValidString(text) {
		return fmt.Errorf("%s of %d bytes: want UTF-8 of at most %d: %w", what, len(text), maxText, ErrInvalidOption)
	}
	return nil
}

func checkTTL(ttl time.Duration, traits driver.Traits) error {
	switch {
	case traits.FixedTTL != 0 && ttl != traits.FixedTTL:
		return fmt.Errorf("TTL %v: %s fixes it at %v: %w", ttl, traits.Backend, traits.FixedTTL, ErrInvalidOption)
	case ttl <= 0 || ttl < traits.MinTTL:
		return fmt.Errorf("TTL %v: want at least %v on %s: %w", ttl, traits.MinTTL, traits.Backend, ErrInvalidOption)
	case traits.MaxTTL != 0 && ttl > traits.MaxTTL:
		return fmt.Errorf("TTL %v: want at most %v on %s: %w", ttl, traits.MaxTTL, traits.Backend, ErrInvalidOption)
	}
	return nil
}
