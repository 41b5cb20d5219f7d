package redislock_test

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/internal/testserver"
)

// TestShortToken: the short script goes on from the last token where the clock has gone
// back since, and its key runs out.
func TestShortToken(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	d, rdb := mustOpen(t, "redis://"+server.Addr), rawClient(t, server)
	last := float64(time.Now().Add(time.Hour).UnixMicro())
	var state bytes.Buffer // as lua/0_state.lua says
	must(t, binary.Write(&state, binary.BigEndian, struct {
		Token, Kept, Marked, Place float64
		Group                      int32
		Till, Since                float64
		Flags                      uint8
		Holder, Details            uint16
	}{Token: last, Group: -1}))
	must(t, rdb.HSet(t.Context(), "pawl:{x}", "v1", state.String()).Err())

	req := driver.Request{Name: "x", Holder: "h", TTL: time.Minute, NoWait: true}
	lease, err := d.Acquire(t.Context(), req)
	must(t, err)
	if want := uint64(last) + 1; lease.Token != want {
		t.Errorf("token = %d, want %d", lease.Token, want)
	}
	if left := rdb.TTL(t.Context(), "pawl:{x}").Val(); left < 24*time.Hour {
		t.Errorf("the key is kept for %v, want more than a day", left)
	}
	must(t, d.Release(t.Context(), req))
}
