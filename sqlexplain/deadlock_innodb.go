package sqlexplain

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

var (
	partHeading  = regexp.MustCompile(`^\*\*\* (?:\(([0-9]+)\) )?(TRANSACTION|WAITING FOR THIS LOCK TO BE GRANTED|HOLDS THE LOCK\(S\)|CONFLICTING WITH):$`)
	rollBackLine = regexp.MustCompile(`^\*\*\* WE ROLL BACK TRANSACTION \(([0-9]+)\)$`)
	trxLine      = regexp.MustCompile(`^TRANSACTION ([0-9]+), ACTIVE`)
	threadLine   = regexp.MustCompile(`^(MySQL|MariaDB) thread id ([0-9]+),`)
)

// ParseInnoDBStatus reads the latest deadlock from the text of SHOW ENGINE INNODB STATUS,
// or from the part of an error log that innodb_print_all_deadlocks writes, of MySQL or
// MariaDB. Keys are the stored bytes in hex. Without
// a deadlock the error matches ErrNoDeadlock.
func ParseInnoDBStatus(text string) (*Deadlock, error) {
	return parseDeadlock(text, "", func(string, string, string) []column { return nil })
}

// innodbReport is a report on its way.
type innodbReport struct {
	deadlock *Deadlock
	order    []string          // the transactions' ids
	locks    map[string][]Lock // of each transaction
	waits    map[string][]Lock // of each transaction
	lines    []string          // of the part that is being read
	own      string            // the database whose tables are named without it
	columns  func(schema, table, index string) []column
	victim   int
}

// parseDeadlock reads a report. The formats of the two engines and of older versions
// differ in their headings alone; whose a lock is says the lock itself.
func parseDeadlock(text, own string, columns func(schema, table, index string) []column) (*Deadlock, error) {
	_, after, found := strings.Cut(text, "LATEST DETECTED DEADLOCK\n")
	if !found {
		if after = text; !strings.Contains(text, "*** (1) TRANSACTION:") {
			return nil, ErrNoDeadlock
		}
	}
	r := &innodbReport{deadlock: &Deadlock{Engine: "innodb"}, own: own, columns: columns,
		locks: make(map[string][]Lock), waits: make(map[string][]Lock)}
	r.read(after)
	if len(r.deadlock.Transactions) == 0 {
		return nil, fmt.Errorf("the report has no transaction in a form that is known: %w", ErrNoDeadlock)
	}
	r.finish()
	return r.deadlock, nil
}

// read parts the report by its headings.
func (r *innodbReport) read(text string) {
	part := "head"
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if m := rollBackLine.FindStringSubmatch(line); m != nil {
			r.endPart(part)
			r.victim, _ = strconv.Atoi(m[1])
			return
		}
		if m := partHeading.FindStringSubmatch(line); m != nil {
			r.endPart(part)
			part, r.lines = m[2], nil
			continue
		}
		if line == "TRANSACTIONS" { // the next chapter of the status: there is no victim
			break
		}
		r.lines = append(r.lines, line)
	}
	r.endPart(part)
}

func (r *innodbReport) endPart(part string) {
	switch part {
	case "head":
		for _, line := range r.lines {
			if len(line) > 10 && line[4] == '-' {
				r.deadlock.When = line[:min(len(line), len("2006-01-02 15:04:05"))]
			}
		}
	case "TRANSACTION":
		r.addParty()
	default:
		r.addLocks()
	}
}

// addParty reads the head of a transaction, whose statement may have several lines.
func (r *innodbReport) addParty() {
	var p Party
	inStatement := false
	var statement []string
	for _, line := range r.lines {
		if m := trxLine.FindStringSubmatch(line); m != nil && !inStatement {
			p.ID = m[1]
		}
		if m := threadLine.FindStringSubmatch(line); m != nil && !inStatement {
			p.Session, _ = strconv.ParseInt(m[2], 10, 64)
			r.deadlock.Engine = strings.ToLower(m[1])
			inStatement = true
			continue
		}
		if inStatement {
			statement = append(statement, line)
		}
	}
	p.Statement = strings.TrimSpace(strings.Join(statement, "\n"))
	r.order = append(r.order, p.ID)
	r.deadlock.Transactions = append(r.deadlock.Transactions, p)
}

func (r *innodbReport) addLocks() {
	for _, printed := range statusLocks(r.lines) {
		into := r.locks
		if printed.waiting {
			into = r.waits
		}
		columns := r.columns(printed.schema, printed.table, printed.index)
		for _, l := range printed.locks(r.own, columns) {
			if !containsLock(into[printed.trx], l) {
				into[printed.trx] = append(into[printed.trx], l)
			}
		}
	}
}

func containsLock(locks []Lock, lock Lock) bool {
	for _, l := range locks {
		if l.identity() == lock.identity() {
			return true
		}
	}
	return false
}

// finish gives each transaction its locks, once all are read: MariaDB lists those of one
// beside what another waits for.
func (r *innodbReport) finish() {
	for i := range r.deadlock.Transactions {
		p := &r.deadlock.Transactions[i]
		p.Holds, p.WaitsFor = r.locks[p.ID], r.waits[p.ID]
		p.Victim = i+1 == r.victim
	}
	r.deadlock.connect()
	r.deadlock.name()
}
