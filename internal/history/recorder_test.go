package history

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRecorderKeepsEverything(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "history.jsonl")
	want := Event{Kind: Acquired, Name: "a\n{}\"\x00é", Hold: "h", Process: 7, Token: 1<<63 - 1, Shared: true, Slots: 3, Time: 5, Asked: 4, Until: 9}
	record(t, path, want)
	got, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Event{want}, got); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}

func TestRecordersShareAFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "history.jsonl")
	const recorders, each = 8, 100
	var group sync.WaitGroup
	for range recorders {
		group.Go(func() {
			events := make([]Event, each)
			for i := range events {
				events[i] = Event{Kind: Released, Name: "stock:42", Hold: "h"}
			}
			record(t, path, events...)
		})
	}
	group.Wait()
	events, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(events) != recorders*each {
		t.Fatalf("%d events, want %d", len(events), recorders*each)
	}
	for i, e := range events {
		if e.Process != os.Getpid() || e.Time == 0 || i > 0 && e.Time < events[i-1].Time {
			t.Fatalf("event %d: process %d at %v after %v", i, e.Process, e.Time, events[max(i-1, 0)].Time)
		}
	}
}

func TestReadRefusesWhatIsNotAHistory(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "history.jsonl")
	if err := os.WriteFile(path, []byte("{\"kind\":\"acquired\"}\n{\"ki\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if events, err := Read(path); err == nil {
		t.Errorf("read %v from a file with a broken line, want an error", events)
	}
}

func TestLocalClockTellsBeforeFromAfter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		clock := Local()
		first := clock()
		second := clock()
		if second <= first {
			t.Errorf("%v after %v in one instant", second, first)
		}
		time.Sleep(time.Hour)
		if third := clock(); third < time.Hour {
			t.Errorf("%v after an hour", third)
		}
	})
}

func TestClockAt(t *testing.T) {
	t.Parallel()
	for name, clock := range map[string]Clock{"host": Host(), "local": Local()} {
		before := clock()
		at := clock.At(time.Now().Add(time.Hour))
		after := clock()
		if at < before+time.Hour-(after-before) || at > after+time.Hour {
			t.Errorf("%s: an hour from now is %v, want it between %v and %v", name, at, before+time.Hour, after+time.Hour)
		}
	}
}

func record(t *testing.T, path string, events ...Event) {
	t.Helper()
	recorder, err := Open(path, Host())
	if err != nil {
		t.Error(err)
		return
	}
	for _, e := range events {
		if err := recorder.Record(e); err != nil {
			t.Error(err)
		}
	}
	if err := recorder.Close(); err != nil {
		t.Error(err)
	}
}

func TestReadLeavesOutAnUnfinishedLine(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "history.jsonl")
	if err := os.WriteFile(path, []byte("{\"name\":\"a\"}\n{\"na"), 0o600); err != nil {
		t.Fatal(err)
	}
	if events, err := Read(path); err != nil || len(events) != 1 {
		t.Errorf("got %v, %v", events, err)
	}
}
