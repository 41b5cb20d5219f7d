package redislock

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/pawl-go/pawl/driver"
)

// look is how often the next in line looks by itself, in case it was not told; one
// with n before it looks n+1 times less often.
const look = claimWindow * 3 / 5

func (c *conn) Acquire(ctx context.Context, req driver.Request) (driver.Lease, error) {
	if c.isShort(&req) {
		lease, err := c.askShort(ctx, &req)
		if err != errLong {
			return lease, err
		}
	}
	if req.NoWait {
		lease, _, err := c.ask(ctx, &req, "")
		return lease, err
	}
	told := c.notices.join(&req)
	defer c.notices.leave(&req)
	channel := c.notices.channel(req.Name)
	for {
		c.notices.listenFor(ctx, channel)
		lease, wait, err := c.ask(ctx, &req, channel)
		if err != nil || wait == 0 {
			return lease, err
		}
		timer := time.NewTimer(wait)
		select {
		case <-told:
		case <-timer.C:
		case <-ctx.Done():
			err = ctx.Err()
		case <-c.notices.ctx.Done():
			err = driver.ErrClosed
		}
		timer.Stop()
		if err != nil {
			return driver.Lease{}, err
		}
	}
}

// ask asks for a lease or claims what was granted, without waiting when channel is "".
// When req stands in line it returns how long to wait before asking again without being
// told.
func (c *conn) ask(ctx context.Context, req *driver.Request, channel string) (lease driver.Lease, wait time.Duration, err error) {
	sent := time.Now()
	op := &operation{key: c.lockKey(req.Name), args: []any{"acquire", req.Holder, modeOf(req), req.TTL.Microseconds(), packDetails(req), channel}}
	if c.replication.replicas > 0 {
		err = c.doReplicated(ctx, op)
	} else {
		err = c.long.do(ctx, op)
	}
	if err != nil {
		return lease, 0, err
	}
	answer := op.answer
	switch answer[0] {
	case "granted":
		return driver.Lease{Request: *req, Token: uint64(number(answer[1])), Until: driver.Trust(sent, micros(answer[2]))}, 0, nil
	case "line":
		return lease, nextLook(int(number(answer[1])), micros(answer[2])), nil
	case "held":
		return lease, 0, heldBy(answer[1:])
	case "marked":
		return lease, 0, fmt.Errorf("released before it arrived: %w", driver.ErrLost)
	case "slots":
		return lease, 0, fmt.Errorf("in use with %v slots, not %d: %w", answer[1], req.Slots, driver.ErrInvalidOption)
	}
	return lease, 0, fmt.Errorf("unexpected answer %v: %w", answer, driver.ErrUnavailable)
}

// modeOf returns what the script calls the mode.
func modeOf(req *driver.Request) any {
	switch {
	case req.Slots > 0:
		return req.Slots
	case req.Mode == driver.Shared:
		return "s"
	}
	return "x"
}

// heldBy reads what the scripts say of a holder: details, since, until.
func heldBy(holder []any) error {
	held := &driver.HeldError{}
	held.Owner, _ = unpackDetails(holder[0])
	if since := number(holder[1]); since > 0 {
		held.Since, held.Until = time.UnixMicro(since), time.UnixMicro(number(holder[2]))
	}
	return held
}

// nextLook returns when one with so many before it in line asks again: when the
// first lease in the way has run out, the first in line first, and now and then.
func nextLook(before int, left time.Duration) time.Duration {
	wait := look*time.Duration(before+1)*3/4 + rand.N(look/2)
	expiry := left + time.Millisecond + time.Duration(before)*2*time.Millisecond
	return max(min(wait, expiry, placeTTL/3), time.Millisecond)
}

// packDetails joins what only people read.
func packDetails(req *driver.Request) string {
	return strconv.Itoa(len(req.Owner)) + ":" + req.Owner + req.Note
}

func unpackDetails(packed any) (owner, note string) {
	text, _ := packed.(string)
	length, rest, _ := strings.Cut(text, ":")
	n, err := strconv.Atoi(length)
	if err != nil || n < 0 || n > len(rest) {
		return "", ""
	}
	return rest[:n], rest[n:]
}
