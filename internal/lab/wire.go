package lab

import (
	"encoding/json"
	"io"
	"sync"
	"time"
)

// job is what a worker process is told to do: the first line on its standard input.
// URLs travel here and not on the command line, where everybody could read them.
type job struct {
	Scenario string
	Strategy string
	Setup    Setup
	Buyers   []int // whom to serve
	Again    bool  // some of them may have been served by a process that was killed
	DB       string
	Locks    string        // URL of the lock server, or ""
	Lock     string        // name of the lock of this run
	TTL      time.Duration // of locks
	Patience time.Duration // how long a buyer waits for an answer
	Think    time.Duration // how long a buyer thinks about the price, on average
	Claim    string        // file that whom the fault strikes has made
	Passes   int           // so often the failpoint is passed before it strikes
}

// The lines that follow the job.
const (
	lineGo     = "go"     // begin
	lineResume = "resume" // leave the failpoint
	linePass   = "pass"   // leave the point after it
)

// kind says what a message is about.
type kind string

const (
	kindReady   kind = "ready"   // waits for lineGo
	kindAnswer  kind = "answer"  // a buyer was told something
	kindRefused kind = "refused" // a stale write was refused
	kindHeld    kind = "held"    // a buyer has got into the critical section
	kindLeft    kind = "left"    // and has left it
	kindWrote   kind = "wrote"   // orders that were promised are written
	kindAt      kind = "at"      // is at the failpoint
	kindNext    kind = "next"    // is held up after whom the fault has struck
	kindFailed  kind = "failed"  // cannot work
)

// message is one line on a worker's standard output, written at once: a process that
// is killed has said all that it knew.
type message struct {
	Kind   kind
	Buyer  int           `json:",omitempty"`
	Answer Answer        `json:",omitempty"`
	Took   time.Duration `json:",omitempty"`
	// Retries are those of the process since the last answer.
	Retries int64     `json:",omitempty"`
	Text    string    `json:",omitempty"` // of an error
	Token   uint64    `json:",omitempty"`
	At      time.Time `json:",omitzero"` // when it was said
}

// speaker writes messages, each with one write. The one of an Env that no worker has made
// is nil and says nothing.
type speaker struct {
	mu  sync.Mutex
	out io.Writer
}

func (s *speaker) say(m message) {
	if s == nil {
		return
	}
	line, err := json.Marshal(m)
	if err != nil {
		panic(err) // a message of plain fields
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// A parent that is gone ends this process by closing its standard input.
	_, _ = s.out.Write(append(line, '\n'))
}
