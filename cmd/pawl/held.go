package main

import (
	"encoding/json"
	"os"

	"slices"
)

// heldEnv lists, in JSON, the locks under which this process runs. Each "pawl run"
// adds its own.
const heldEnv = "PAWL_HELD"

// heldLock is one lock of an outer "pawl run".
type heldLock struct {
	Backend string `json:"backend"`
	Name    string `json:"name"`
}

// outerLocks returns the locks under which this process runs.
func outerLocks() ([]heldLock, error) {
	text := os.Getenv(heldEnv)
	if text == "" {
		return nil, nil
	}
	var held []heldLock
	if err := json.Unmarshal([]byte(text), &held); err != nil {
		return nil, exitWith(codeConfig, "%s is not what pawl has put there: %w; unset it", heldEnv, err)
	}
	return held, nil
}

// refuseItself refuses a name that an outer "pawl run" holds on the same backend,
// shared or not: it would wait for itself.
func refuseItself(outer []heldLock, backend string, names []string) error {
	for _, name := range names {
		if slices.Contains(outer, heldLock{backend, name}) {
			return usageError("lock %q is held by the \"pawl run\" that this one runs in, it would wait for itself; "+
				"if this is not part of that run any more, unset %s", name, heldEnv)
		}
	}
	return nil
}

// heldText is the value of heldEnv for a child that runs under names as well.
func heldText(outer []heldLock, backend string, names []string) string {
	held := slices.Clone(outer)
	for _, name := range names {
		held = append(held, heldLock{backend, name})
	}
	text, _ := json.Marshal(held) // strings always can be
	return string(text)
}
