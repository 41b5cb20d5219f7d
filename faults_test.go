package pawl_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/pawl-go/pawl/driver"
)

var errFault = errors.New("injected fault")

// fullDriver is all that memlock's driver can do.
type fullDriver interface {
	driver.Driver
	driver.Inspector
	driver.Breaker
}

// faults is a driver whose calls can be replaced, and which records them and
// checks their order against the contract of package driver.
type faults struct {
	fullDriver
	t *testing.T

	mu        sync.Mutex
	acquire   func(context.Context, driver.Request) (driver.Lease, error)
	renew     func(context.Context, []driver.Lease) []driver.Renewal
	release   func(context.Context, driver.Request) error
	close     func() error
	acquires  []driver.Request
	renewals  []renewCall
	releases  []driver.Request
	acquiring map[string]bool
	renewing  map[string]bool
	released  map[string]bool
}

type renewCall struct {
	at     time.Time
	leases int
}

func newFaults(t *testing.T, d driver.Driver) *faults {
	return &faults{
		fullDriver: d.(fullDriver),
		t:          t,
		acquiring:  make(map[string]bool),
		renewing:   make(map[string]bool),
		released:   make(map[string]bool),
	}
}

// onAcquire, onRenew, onRelease and onClose replace a call; nil is the driver's own.
func (f *faults) onAcquire(do func(context.Context, driver.Request) (driver.Lease, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.acquire = do
}

func (f *faults) onRenew(do func(context.Context, []driver.Lease) []driver.Renewal) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.renew = do
}

func (f *faults) onRelease(do func(context.Context, driver.Request) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.release = do
}

func (f *faults) onClose(do func() error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.close = do
}

// counts returns how many calls there were.
func (f *faults) counts() (acquires, renewals, releases int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.acquires), len(f.renewals), len(f.releases)
}

// renewed returns the renewals.
func (f *faults) renewed() []renewCall {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.renewals
}

func (f *faults) Acquire(ctx context.Context, req driver.Request) (driver.Lease, error) {
	f.mu.Lock()
	f.acquires = append(f.acquires, req)
	if f.acquiring[req.Holder] || f.released[req.Holder] {
		f.t.Errorf("Acquire of holder %s, which is in use or was released", req.Holder)
	}
	f.acquiring[req.Holder] = true
	do := f.acquire
	f.mu.Unlock()
	if do == nil {
		do = f.fullDriver.Acquire
	}
	lease, err := do(ctx, req)
	f.mu.Lock()
	delete(f.acquiring, req.Holder)
	f.mu.Unlock()
	return lease, err
}

func (f *faults) Renew(ctx context.Context, leases []driver.Lease) []driver.Renewal {
	f.mu.Lock()
	f.renewals = append(f.renewals, renewCall{time.Now(), len(leases)})
	for _, lease := range leases {
		if f.renewing[lease.Holder] || f.released[lease.Holder] {
			f.t.Errorf("Renew of %s, which is being renewed or was released", lease.Name)
		}
		f.renewing[lease.Holder] = true
	}
	do := f.renew
	f.mu.Unlock()
	if do == nil {
		do = f.fullDriver.Renew
	}
	renewals := do(ctx, leases)
	f.mu.Lock()
	for _, lease := range leases {
		delete(f.renewing, lease.Holder)
	}
	f.mu.Unlock()
	return renewals
}

func (f *faults) Release(ctx context.Context, req driver.Request) error {
	f.mu.Lock()
	f.releases = append(f.releases, req)
	f.released[req.Holder] = true
	if f.renewing[req.Holder] || f.acquiring[req.Holder] {
		f.t.Errorf("Release of %s beside a call for the same lease", req.Name)
	}
	do := f.release
	f.mu.Unlock()
	if do == nil {
		do = f.fullDriver.Release
	}
	return do(ctx, req)
}

func (f *faults) Close() error {
	f.mu.Lock()
	do := f.close
	f.mu.Unlock()
	if do == nil {
		do = f.fullDriver.Close
	}
	return do()
}

// failRenewals answers every renewal with err.
func (f *faults) failRenewals(err error) {
	f.onRenew(func(_ context.Context, leases []driver.Lease) []driver.Renewal {
		renewals := make([]driver.Renewal, len(leases))
		for i := range renewals {
			renewals[i].Err = err
		}
		return renewals
	})
}

// dropReplies lets every acquisition succeed and loses the answer.
func (f *faults) dropReplies() {
	f.onAcquire(func(ctx context.Context, req driver.Request) (driver.Lease, error) {
		if _, err := f.fullDriver.Acquire(ctx, req); err != nil {
			return driver.Lease{}, err
		}
		return driver.Lease{}, errFault
	})
}
