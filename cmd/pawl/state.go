package main

import (
	"strconv"
	"time"

	"github.com/pawl-go/pawl"
)

// lockState is a lock in JSON. A token is a decimal string there, because it may
// exceed the 53 bits that many readers of JSON keep of a number.
type lockState struct {
	Name    string        `json:"name"`
	Slots   int           `json:"slots,omitempty"`
	Holders []holderState `json:"holders"`
	Waiters []waiterState `json:"waiters"`
}

type holderState struct {
	Owner  string    `json:"owner"`
	Note   string    `json:"note,omitempty"`
	Mode   string    `json:"mode"`
	Token  string    `json:"token"`
	Since  time.Time `json:"since,omitzero"`
	Until  time.Time `json:"until,omitzero"`
	Broken bool      `json:"broken,omitempty"`
}

type waiterState struct {
	Owner string    `json:"owner"`
	Note  string    `json:"note,omitempty"`
	Mode  string    `json:"mode"`
	Since time.Time `json:"since,omitzero"`
}

func stateOf(info pawl.Info) lockState {
	state := lockState{Name: info.Name, Slots: info.Slots, Holders: []holderState{}, Waiters: []waiterState{}}
	for _, h := range info.Holders {
		state.Holders = append(state.Holders, holderState{
			Owner: h.Owner, Note: h.Note, Mode: modeOf(h.Shared, info.Slots), Token: strconv.FormatUint(h.Token, 10),
			Since: h.Since, Until: h.Until, Broken: h.Broken,
		})
	}
	for _, w := range info.Waiters {
		state.Waiters = append(state.Waiters, waiterState{
			Owner: w.Owner, Note: w.Note, Mode: modeOf(w.Shared, info.Slots), Since: w.Since,
		})
	}
	return state
}

func modeOf(shared bool, slots int) string {
	switch {
	case shared:
		return "shared"
	case slots > 0:
		return "slot"
	}
	return "exclusive"
}
