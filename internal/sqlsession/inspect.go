package sqlsession

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/pawl-go/pawl/driver"
)

// A User is one session that has a lock or waits for it, as the server shows it.
type User struct {
	// ID is what the server calls it, as in "pid 42".
	ID      string
	Mode    driver.Mode
	Granted bool
	// Since is when its wait began; zero when the server does not say.
	Since time.Time
	// Program is what it calls itself, and From where it comes from.
	Program, From string
	// Query is its last statement.
	Query string
}

// ProgramName is what sessions for owner call themselves.
func ProgramName(owner string) string {
	return strings.TrimSpace("pawl " + strings.ToValidUTF8(owner, ""))
}

// Comment tells those who inspect who waits. It stands at the start of a statement, and has
// nothing in it that could end it.
func Comment(w *Waiting) string {
	encode := base64.RawURLEncoding.EncodeToString
	return fmt.Sprintf("%s%d.%s.%s.%s */", CommentStart(w.Key), time.Now().UnixMicro(), encode([]byte(w.Holder)), encode([]byte(w.Owner)), encode([]byte(w.Note)))
}

// CommentStart is how the comments of those begin who wait for key.
func CommentStart(key string) string { return "SELECT /* pawl waits " + key + " " }

// State returns who uses a lock, users being in the order of its line.
func State(name string, users []User) driver.State {
	state := driver.State{Name: name}
	for i := range users {
		if u := &users[i]; u.Granted {
			state.Holders = append(state.Holders, u.holder())
		} else {
			state.Waiters = append(state.Waiters, u.waiter())
		}
	}
	return state
}

// Holders returns those who have the lock, or driver.ErrNotHeld.
func Holders(users []User) (holders []User, err error) {
	for _, u := range users {
		if u.Granted {
			holders = append(holders, u)
		}
	}
	if len(holders) == 0 {
		err = driver.ErrNotHeld
	}
	return holders, err
}

// ErrBreak is what Break returns for a lock that is held.
var ErrBreak = fmt.Errorf("a session lock cannot be marked as broken: force ends the whole session of its holder: %w", driver.ErrUnsupported)

// holder shows all that is known of a session that has a lock.
func (u *User) holder() driver.Holder {
	h := driver.Holder{Holder: u.ID, Note: "database session of " + u.From, Mode: u.Mode}
	if owner, ours := strings.CutPrefix(u.Program, "pawl"); ours {
		h.Owner = strings.TrimSpace(owner)
	} else if u.Program != "" {
		h.Note += ", program " + strconv.Quote(u.Program)
	}
	return h
}

// waiter reads the comment of one of ours. A long statement is cut off by the server.
func (u *User) waiter() driver.Waiter {
	text, ours := strings.CutPrefix(u.Query, "SELECT /* pawl waits ")
	_, text, _ = strings.Cut(text, " ") // the key
	text, _, _ = strings.Cut(text, " ")
	fields := strings.Split(text, ".")
	if !ours || len(fields) != 4 {
		h := u.holder()
		return driver.Waiter{Holder: h.Holder, Owner: h.Owner, Note: h.Note, Mode: u.Mode, Since: u.Since}
	}
	w := driver.Waiter{Mode: u.Mode, Since: u.Since}
	if micros, err := strconv.ParseInt(fields[0], 10, 64); err == nil && w.Since.IsZero() {
		w.Since = time.UnixMicro(micros) // by its client's clock, where the server does not say
	}
	for i, to := range []*string{&w.Holder, &w.Owner, &w.Note} {
		decoded, _ := base64.RawURLEncoding.DecodeString(fields[i+1]) // as far as it goes
		*to = string(decoded)
	}
	return w
}

// Clock judges how far the server's clock is from this machine's, as the answer after
// a trip has told; risk is what follows when it is too far.
func Clock(server, sent time.Time, trip time.Duration, risk string) driver.Finding {
	distance := server.Sub(sent.Add(trip / 2)).Round(time.Millisecond)
	finding := driver.Finding{What: "clock", Text: fmt.Sprintf("%v from this machine's, give or take %v", distance, trip.Round(time.Microsecond))}
	if distance.Abs() > time.Second+trip {
		finding.Level = driver.Warning
		finding.Text += ": synchronise them, or " + risk
	}
	return finding
}
