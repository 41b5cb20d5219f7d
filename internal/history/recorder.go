package history

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
)

// Recorder appends events to a file, one JSON line each. Many goroutines and
// processes may record to one file at once. Every event is in the file when Record
// returns, so that a process that is killed loses none.
type Recorder struct {
	file  *os.File
	clock Clock
	pid   int
}

// Open returns a recorder that appends to the file at path, which it makes when
// there is none. All recorders of one file must have the same clock.
func Open(path string, clock Clock) (*Recorder, error) {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	return &Recorder{file: file, clock: clock, pid: os.Getpid()}, nil
}

// Clock returns the recorder's clock.
func (r *Recorder) Clock() Clock { return r.clock }

// Record appends e, with the present time when it has none and this process when
// it names none.
func (r *Recorder) Record(e Event) error {
	if e.Time == 0 {
		e.Time = r.clock()
	}
	if e.Process == 0 {
		e.Process = r.pid
	}
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("history: %w", err)
	}
	// One write: with O_APPEND lines of several processes do not mix.
	if _, err := r.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("history: %w", err)
	}
	return nil
}

// Close closes the file.
func (r *Recorder) Close() error { return r.file.Close() }

// Read returns the events of the file at path, sorted by time. A last line that
// somebody is still writing, or was killed while writing, is left out.
func Read(path string) ([]Event, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	data = data[:bytes.LastIndexByte(data, '\n')+1]
	var events []Event
	lines := bufio.NewScanner(bytes.NewReader(data))
	for number := 1; lines.Scan(); number++ {
		var e Event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return nil, fmt.Errorf("history: %s:%d: %w", path, number, err)
		}
		events = append(events, e)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("history: %s: %w", path, err)
	}
	slices.SortStableFunc(events, byTime)
	return events, nil
}

func byTime(a, b Event) int { return int(a.Time - b.Time) }
