package pawl_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pawl-go/pawl"
)

// logRecords collects a log.
type logRecords struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logRecords) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logRecords) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// all returns the lines.
func (l *logRecords) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Split(l.buf.String(), "\n")[:strings.Count(l.buf.String(), "\n")]
}

// The log gets what no caller is told, with the keys that the house uses.
func TestLog(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		logged := &logRecords{}
		c, f := w.faulty(&pawl.Options{Logger: logged.logger(), Owner: "alice"})
		lock := mustLock(t, c, "x")
		mustUnlock(t, mustLock(t, c, "y"))
		f.failRenewals(errFault)
		<-lock.Context().Done()
		wantErr(t, lock.Unlock(), pawl.ErrLost, "x")
		time.Sleep(time.Second)
		lines := logged.all()
		if len(lines) < 4 {
			t.Fatalf("log: %q", lines)
		}
		for i, line := range lines {
			for _, want := range []string{"name=x", "owner=alice", "token=", "backend=memory", "err=", "level=WARN"} {
				if !strings.Contains(line, want) {
					t.Errorf("line %q lacks %q", line, want)
				}
			}
			if lost := strings.Contains(line, "lock lost"); lost != (i == len(lines)-1) {
				t.Errorf("line %d of %d: %s", i, len(lines), line)
			}
		}
	})
}
