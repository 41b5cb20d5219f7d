package dedupe

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// position is a place in the walk: before the first row when it has no values.
type position struct {
	Values []cell `json:"values,omitempty"`
	After  bool   `json:"after,omitempty"` // beyond the rows with these values, not at them
}

// cell is a value as the database gave it, which JSON keeps exactly.
type cell struct{ v any }

// MarshalJSON writes a kind and a text: a number of JSON is a float to many, and its text
// must be UTF-8.
func (c cell) MarshalJSON() ([]byte, error) {
	switch v := c.v.(type) {
	case nil:
		return []byte("null"), nil
	case int64:
		return json.Marshal([2]string{"int", strconv.FormatInt(v, 10)})
	case uint64:
		return json.Marshal([2]string{"uint", strconv.FormatUint(v, 10)})
	case float32: // what a FLOAT of MySQL is; as a parameter it becomes this float64 anyway
		return cell{float64(v)}.MarshalJSON()
	case float64:
		return json.Marshal([2]string{"float", strconv.FormatFloat(v, 'g', -1, 64)})
	case string:
		return json.Marshal([]any{"text", []byte(v)})
	case []byte:
		return json.Marshal([]any{"bytes", v})
	}
	return nil, fmt.Errorf("a key of the Go type %T", c.v)
}

// UnmarshalJSON reads what MarshalJSON has written.
func (c *cell) UnmarshalJSON(data []byte) (err error) {
	var parts [2]json.RawMessage
	var kind, text string
	if string(data) == "null" {
		return nil
	}
	if err := json.Unmarshal(data, &parts); err != nil {
		return err
	}
	if err := json.Unmarshal(parts[0], &kind); err != nil {
		return err
	}
	if kind == "text" || kind == "bytes" {
		raw := []byte{}
		err = json.Unmarshal(parts[1], &raw)
		if c.v = raw; kind == "text" {
			c.v = string(raw)
		}
		return err
	}
	if err := json.Unmarshal(parts[1], &text); err != nil {
		return err
	}
	switch kind {
	case "int":
		c.v, err = strconv.ParseInt(text, 10, 64)
	case "uint":
		c.v, err = strconv.ParseUint(text, 10, 64)
	case "float":
		c.v, err = strconv.ParseFloat(text, 64)
	default:
		err = fmt.Errorf("a value of the unknown kind %q", kind)
	}
	return err
}

// at is the position of a row with these values.
func at(values []any) position {
	var p position
	for _, v := range values {
		p.Values = append(p.Values, cell{v})
	}
	return p
}

// beyond is the position after all rows with these values.
func beyond(values []any) position {
	p := at(values)
	p.After = true
	return p
}

// equal compares by what is stored.
func (p position) equal(other position) bool {
	a, errA := json.Marshal(p)
	b, errB := json.Marshal(other)
	return errA == nil && errB == nil && string(a) == string(b)
}
