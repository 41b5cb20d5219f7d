package redislock

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/pawl-go/pawl/driver"
)

func (s *setNX) Acquire(ctx context.Context, req driver.Request) (driver.Lease, error) {
	if req.Mode != driver.Exclusive || req.Slots != 0 {
		return driver.Lease{}, fmt.Errorf("a plain key is an exclusive lock: %w", driver.ErrUnsupported)
	}
	try := func(ctx context.Context) (driver.Lease, error) { return s.try(ctx, &req) }
	if req.NoWait {
		return try(ctx)
	}
	polling, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-s.closing:
			cancel()
		case <-polling.Done():
		}
	}()
	lease, err := driver.Poll(polling, try)
	if errors.Is(err, context.Canceled) && ctx.Err() == nil {
		err = driver.ErrClosed
	}
	return lease, err
}

// try asks for a lease once. It is granted again to who holds it already, for what is
// left of it.
func (s *setNX) try(ctx context.Context, req *driver.Request) (driver.Lease, error) {
	sent := time.Now()
	keys := s.keys(req.Name, req.Holder)
	answer, err := s.run(ctx, setNXAcquire, keys, valueStart(req.Holder), packDetails(req), wholeMillis(req.TTL))
	if err != nil {
		return driver.Lease{}, err
	}
	switch {
	case answer[0] == "granted" && len(answer) == 3:
		left := min(millis(answer[2]), req.TTL)
		return driver.Lease{Request: *req, Token: uint64(number(answer[1])), Until: driver.Trust(sent, left)}, nil
	case answer[0] == "held" && len(answer) == 3:
		return driver.Lease{}, heldError(answer)
	case answer[0] == "marked":
		return driver.Lease{}, fmt.Errorf("released before it arrived: %w", driver.ErrLost)
	case answer[0] == "type" && len(answer) == 2:
		return driver.Lease{}, wrongType(keys[0], answer[1])
	}
	return driver.Lease{}, unexpected(answer)
}

// heldError reads the answer held. Until is by this machine's clock, for driver.Poll:
// the reply was on its way, so the key has run out by then, and a millisecond more
// since Redis lets a key live to the end of its last one.
func heldError(answer []any) *driver.HeldError {
	held := &driver.HeldError{}
	text, _ := answer[1].(string)
	if v, ok := parseValue(text); ok {
		held.Owner, held.Since = v.owner, v.since()
	}
	if left := millis(answer[2]); left >= 0 {
		held.Until = time.Now().Add(left + time.Millisecond)
	}
	return held
}

func (s *setNX) Renew(ctx context.Context, leases []driver.Lease) []driver.Renewal {
	renewals := make([]driver.Renewal, len(leases))
	if len(leases) == 0 {
		return renewals
	}
	keys, args := make([]string, len(leases)), make([][]any, len(leases))
	for i := range leases {
		keys[i] = s.prefix + leases[i].Name
		args[i] = []any{valueStart(leases[i].Holder), wholeMillis(leases[i].TTL)}
	}
	sent := time.Now()
	cmds, err := s.runAll(ctx, setNXRenew, keys, args)
	for i := range renewals {
		if err != nil {
			renewals[i].Err = err
			continue
		}
		answer, err := cmds[i].Slice()
		renewals[i] = s.renewal(driver.Trust(sent, leases[i].TTL), answer, err)
	}
	return renewals
}

func (s *setNX) renewal(until time.Time, answer []any, err error) driver.Renewal {
	switch {
	case err != nil:
		return driver.Renewal{Err: s.unavailable(err)}
	case len(answer) == 1 && answer[0] == "renewed":
		return driver.Renewal{Until: until}
	case len(answer) == 2 && answer[0] == "lost":
		return driver.Renewal{Err: fmt.Errorf("%v: %w", answer[1], driver.ErrLost)}
	}
	return driver.Renewal{Err: unexpected(answer)}
}

func (s *setNX) Release(ctx context.Context, req driver.Request) error {
	_, err := s.run(ctx, setNXRelease, s.keys(req.Name, req.Holder), valueStart(req.Holder), wholeMillis(req.TTL))
	return err
}

// valuePrefix begins the values that this driver makes.
const valuePrefix = "pawl:"

// valueStart returns how the value of a holder begins. Others compare whole values; we
// know a lease by its holder id alone, which is random.
func valueStart(holder string) string { return valuePrefix + holder + ":" }

// value is what a value of ours says.
type value struct {
	holder, owner, note string
	token               uint64
}

// since is the server's time of the grant, which the token is made from.
func (v value) since() time.Time { return time.UnixMicro(int64(v.token)) }

// parseValue reads a value of ours, or returns false for one of another library.
func parseValue(text string) (value, bool) {
	rest, ok := strings.CutPrefix(text, valuePrefix)
	parts := strings.SplitN(rest, ":", 3)
	if !ok || len(parts) != 3 {
		return value{}, false
	}
	token, err := strconv.ParseUint(parts[1], 10, 63)
	if err != nil {
		return value{}, false
	}
	owner, note := unpackDetails(parts[2])
	return value{holder: parts[0], owner: owner, note: note, token: token}, true
}

func millis(v any) time.Duration { return time.Duration(number(v)) * time.Millisecond }
