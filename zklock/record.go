package zklock

import (
	"encoding/json"
	"time"

	"github.com/pawl-go/pawl/driver"
)

// record is what our nodes hold. Other libraries write what they like into theirs, and
// read none of it.
type record struct {
	Holder string `json:"holder"`
	Owner  string `json:"owner,omitempty"`
	Note   string `json:"note,omitempty"`
	Mode   string `json:"mode"`
	Slots  int    `json:"slots,omitempty"`
	TTL    string `json:"ttl"`
	Broken bool   `json:"broken,omitempty"`
}

func recordOf(req driver.Request) record {
	return record{
		Holder: req.Holder, Owner: req.Owner, Note: req.Note, Mode: req.Mode.String(), Slots: req.Slots, TTL: req.TTL.String(),
	}
}

// bytes returns r as it is stored.
func (r record) bytes() []byte {
	data, err := json.Marshal(r)
	if err != nil {
		panic(err) // there is nothing in it that JSON could not take
	}
	return data
}

// readRecord returns what a node holds, or false when it is not ours.
func readRecord(data []byte) (r record, ours bool) {
	if len(data) == 0 || data[0] != '{' || json.Unmarshal(data, &r) != nil {
		return record{}, false
	}
	return r, r.Holder != "" && r.ttl() > 0
}

func (r record) ttl() time.Duration {
	ttl, _ := time.ParseDuration(r.TTL)
	return ttl
}
