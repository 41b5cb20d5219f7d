package sqlexplain

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

var (
	waitLine      = regexp.MustCompile(`Process ([0-9]+) waits for ([A-Za-z]+) on (.+); blocked by process ([0-9]+)\.`)
	statementLine = regexp.MustCompile(`^\s*Process ([0-9]+): (.*)$`)
	contextLine   = regexp.MustCompile(`while (?:updating|locking|deleting|inserting index|rechecking updated) tuple \(([0-9]+,[0-9]+)\) in relation "([^"]*)"`)
	timePrefix    = regexp.MustCompile(`[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}[.0-9]*(?: [A-Z0-9+-]+)?`)
)

// mostLine is the longest line of a log that is read. A longer one is a statement that
// nobody wants to see whole.
const mostLine = 16 << 20

// ReadPostgresLog reads every deadlock from a server log of PostgreSQL: of the forms
// stderr, csvlog and jsonlog, with any log_line_prefix, in English (lc_messages). Without
// a deadlock the error matches ErrNoDeadlock.
func ReadPostgresLog(log io.Reader) ([]*Deadlock, error) {
	p := &postgresLog{}
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, mostLine)
	for lines.Scan() {
		p.line(lines.Text())
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	p.end()
	if len(p.deadlocks) == 0 {
		return nil, ErrNoDeadlock
	}
	return p.deadlocks, nil
}

// postgresLog is a log on its way.
type postgresLog struct {
	deadlocks []*Deadlock
	now       *Deadlock // whose lines are being read
	blockers  []string  // of each transaction of now, as process ids
	statement *Party    // whose statement the next lines may continue
	csv       bool      // the statements end with a quote
	when      string    // the latest time in a line
}

// line reads one line.
func (p *postgresLog) line(text string) {
	if strings.HasPrefix(text, "{") && p.jsonLine(text) {
		return
	}
	if stamp := timePrefix.FindString(text); stamp != "" && !strings.HasPrefix(text, "\t") {
		p.when = stamp
	}
	switch m := waitLine.FindStringSubmatchIndex(text); {
	case m != nil:
		p.wait(text, m)
		return
	case p.now == nil:
		return
	}
	if m := contextLine.FindStringSubmatch(strings.ReplaceAll(text, `""`, `"`)); m != nil {
		p.place(m[2], "("+m[1]+")")
	}
	if m := statementLine.FindStringSubmatch(text); m != nil {
		p.statement = p.party(m[1])
		p.addStatement(m[2])
		return
	}
	if p.statement != nil && (p.csv || strings.HasPrefix(text, "\t")) {
		p.addStatement("\n" + strings.TrimPrefix(text, "\t"))
		return
	}
	p.statement = nil
	if strings.Contains(text, "STATEMENT:") {
		p.end()
	}
}

// jsonLine reads a line of jsonlog.
func (p *postgresLog) jsonLine(text string) bool {
	var entry struct {
		Timestamp, Detail, Context string
	}
	if json.Unmarshal([]byte(text), &entry) != nil {
		return false
	}
	p.end()
	p.when = entry.Timestamp
	if waitLine.MatchString(entry.Detail) {
		for line := range strings.Lines(entry.Detail + "\n" + entry.Context) {
			p.line(strings.TrimRight(line, "\n"))
		}
		p.end()
	}
	return true
}

// wait reads who waits for what. The first one is who has found the deadlock, and is the
// victim.
func (p *postgresLog) wait(text string, m []int) {
	group := func(i int) string { return text[m[2*i]:m[2*i+1]] }
	opens := strings.Contains(text[:m[0]], "DETAIL:") || strings.HasSuffix(text[:m[0]], `"`)
	if p.now == nil || opens {
		p.end()
		p.now = &Deadlock{Engine: "postgresql", When: p.when}
		p.csv = strings.HasSuffix(text[:m[0]], `"`)
	}
	session, _ := strconv.ParseInt(group(1), 10, 64)
	p.now.Transactions = append(p.now.Transactions, Party{ID: group(1), Session: session,
		WaitsFor: []Lock{waitedLock(group(2), group(3))}, Victim: len(p.now.Transactions) == 0})
	p.blockers = append(p.blockers, group(4))
}

// waitedLock reads a lock such as "ShareLock on transaction 757". Who waits for another
// transaction waits for a row that this one has.
func waitedLock(mode, object string) Lock {
	l := Lock{Mode: mode, Kind: KindRecord, Key: []string{object}}
	switch what, rest, _ := strings.Cut(object, " "); what {
	case "relation":
		l.Kind, l.Table, l.Key = KindTable, object, []string{}
	case "tuple":
		place, table, _ := strings.Cut(rest, " of ")
		l.Table, l.Key = table, []string{place}
	}
	return l
}

func (p *postgresLog) party(id string) *Party {
	for i := range p.now.Transactions {
		if p.now.Transactions[i].ID == id {
			return &p.now.Transactions[i]
		}
	}
	return nil
}

// addStatement adds text to the statement, which in a csvlog ends with a quote.
func (p *postgresLog) addStatement(text string) {
	party := p.statement
	if p.csv {
		if end := strings.Index(strings.ReplaceAll(text, `""`, "  "), `"`); end >= 0 {
			text, p.statement = text[:end], nil
		}
		text = strings.ReplaceAll(text, `""`, `"`)
	}
	if party != nil {
		party.Statement += text
	}
}

// place says where the victim waited, which only the context of the error tells.
func (p *postgresLog) place(table, tuple string) {
	for i := range p.now.Transactions[0].WaitsFor {
		l := &p.now.Transactions[0].WaitsFor[i]
		l.Table = table
		if l.Kind == KindRecord {
			l.Key = append(l.Key, "row "+tuple)
		}
	}
}

// end completes the deadlock that is being read. What one waits for is what its blocker
// holds.
func (p *postgresLog) end() {
	d := p.now
	if d == nil {
		return
	}
	for i := range d.Transactions {
		d.Transactions[i].BlockedBy = -1
		for j := range d.Transactions {
			if d.Transactions[j].ID == p.blockers[i] {
				d.Transactions[i].BlockedBy = j
				d.Transactions[j].Holds = append(d.Transactions[j].Holds, held(d.Transactions[i].WaitsFor)...)
			}
		}
	}
	d.name()
	p.deadlocks = append(p.deadlocks, d)
	p.now, p.blockers, p.statement, p.csv = nil, nil, nil, false
}

// held returns what somebody waits for as locks of whom is waited for. Their mode is not
// told, except that a transaction holds itself.
func held(waited []Lock) []Lock {
	locks := append([]Lock{}, waited...)
	for i := range locks {
		locks[i].Mode = "?"
		if len(locks[i].Key) > 0 && strings.HasPrefix(locks[i].Key[0], "transaction ") {
			locks[i].Mode = "ExclusiveLock"
		}
	}
	return locks
}

// ReadDeadlocks reads a text of any of the engines: a log of PostgreSQL, or INNODB STATUS
// or an error log of MySQL or MariaDB. Of these it returns the last deadlock only.
func ReadDeadlocks(text io.Reader) ([]*Deadlock, error) {
	all, err := io.ReadAll(text)
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	d, err := ParseInnoDBStatus(string(all))
	if err == nil {
		return []*Deadlock{d}, nil
	}
	found, other := ReadPostgresLog(strings.NewReader(string(all)))
	if errors.Is(other, ErrNoDeadlock) {
		return nil, err
	}
	return found, other
}
