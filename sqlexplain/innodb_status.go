package sqlexplain

import (
	"context"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// statusLock is a lock as INNODB STATUS prints it, with the dump of each entry.
type statusLock struct {
	schema, table, index string
	trx                  string
	kind                 Kind
	mode                 string
	waiting              bool
	entries              []statusEntry
}

// statusEntry is the dump of one index entry.
type statusEntry struct {
	supremum bool
	missing  bool // the page is not in memory
	fields   []statusField
}

// statusField is a stored value; raw may be cut at 30 bytes by the server.
type statusField struct {
	null, cut bool
	raw       []byte
}

var (
	lockLine  = regexp.MustCompile("^(TABLE LOCK|RECORD LOCKS) .*?(?:index (.+) of )?table (`(?:[^`]|``)*`)\\.(`(?:[^`]|``)*`).* trx id ([0-9]+) lock[_ ]mode ([A-Z_-]+)(.*)$")
	fieldLine = regexp.MustCompile(`^ *[0-9]+: (?:SQL (NULL)|len [0-9]+; hex ([0-9a-f]*); asc )(.*)$`)
	heapLine  = regexp.MustCompile(`^Record lock, heap no ([0-9]+)(.*)$`)
)

// statusLocks reads the locks in lines of INNODB STATUS and passes over every other
// line.
func statusLocks(lines []string) []statusLock {
	var locks []statusLock
	for _, line := range lines {
		if m := lockLine.FindStringSubmatch(line); m != nil {
			locks = append(locks, statusLockOf(m))
			continue
		}
		if len(locks) == 0 {
			continue
		}
		lock := &locks[len(locks)-1]
		if m := heapLine.FindStringSubmatch(line); m != nil {
			lock.entries = append(lock.entries, statusEntry{supremum: m[1] == "1", missing: !strings.Contains(m[2], "PHYSICAL")})
		}
		if m := fieldLine.FindStringSubmatch(line); m != nil && len(lock.entries) > 0 {
			entry := &lock.entries[len(lock.entries)-1]
			raw, err := hex.DecodeString(m[2])
			entry.fields = append(entry.fields, statusField{null: m[1] != "", raw: raw,
				cut: err != nil || strings.Contains(m[3], "; (total ")})
		}
	}
	return locks
}

func statusLockOf(m []string) statusLock {
	flags := m[7]
	l := statusLock{schema: backquoted(m[3]), table: backquoted(m[4]), index: backquoted(m[2]), trx: m[5], mode: m[6],
		kind: KindNextKey, waiting: strings.HasSuffix(flags, " waiting")}
	switch {
	case m[1] == "TABLE LOCK":
		l.kind = KindTable
	case strings.Contains(flags, "insert intention"):
		l.kind = KindInsertIntention
	case strings.Contains(flags, "locks rec but not gap"):
		l.kind = KindRecord
	case strings.Contains(flags, "locks gap before rec"):
		l.kind = KindGap
	}
	return l
}

// backquoted takes the quotes off a name that has them.
func backquoted(name string) string {
	if len(name) < 2 || name[0] != '`' {
		return name
	}
	return strings.ReplaceAll(name[1:len(name)-1], "``", "`")
}

// locks returns a lock for each entry, with the keys as text. columns are those of the
// index's entries; without them the keys are the stored bytes in hex, and those of a
// secondary index may have more fields than the key.
func (l statusLock) locks(own string, columns []column) []Lock {
	lock := Lock{Table: tableName(own, l.schema, l.table), Index: l.index, Kind: l.kind, Mode: l.mode}
	if l.kind == KindTable {
		return []Lock{lock}
	}
	locks := make([]Lock, 0, len(l.entries))
	for _, entry := range l.entries {
		lock.Key = entry.key(l.index, columns)
		locks = append(locks, lock)
	}
	return locks
}

func (e statusEntry) key(index string, columns []column) []string {
	switch {
	case e.supremum:
		return []string{Supremum}
	case e.missing:
		return []string{"?"}
	}
	key := []string{}
	for i, field := range e.fields {
		if len(columns) > 0 && i >= len(columns) || len(columns) == 0 && e.hidden(index, i) {
			break
		}
		var c column
		if i < len(columns) {
			c = columns[i]
		}
		key = append(key, field.value(c))
	}
	return key
}

// hidden reports whether field i is the id of the transaction that wrote the row, which
// follows the key in the clustered index and is followed by the pointer to the undo log.
func (e statusEntry) hidden(index string, i int) bool {
	return (index == clusteredIndex || index == hiddenIndex) && i > 0 && i+1 < len(e.fields) &&
		len(e.fields[i].raw) == 6 && len(e.fields[i+1].raw) == 7
}

func (f statusField) value(c column) string {
	switch {
	case f.null:
		return "NULL"
	case f.cut:
		return c.value(f.raw) + "..."
	}
	return c.value(f.raw)
}

// readStatus reads the text of INNODB STATUS. It needs the privilege PROCESS.
func readStatus(ctx context.Context, q querier) (status string, err error) {
	var kind, name string
	err = q.QueryRowContext(ctx, "SHOW ENGINE INNODB STATUS").Scan(&kind, &name, &status)
	return status, err
}

// transactionOf returns the lines on the transaction of a session.
func transactionOf(status string, id int64) []string {
	var section []string
	found, thread := false, fmt.Sprintf("MySQL thread id %d,", id)
	for line := range strings.Lines(status) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "---TRANSACTION "), line == "FILE I/O":
			if found {
				return section
			}
			section = nil
		case strings.HasPrefix(line, thread), strings.HasPrefix(line, "MariaDB "+thread[len("MySQL "):]):
			found = true
		}
		section = append(section, line)
	}
	if !found {
		return nil
	}
	return section
}

var countLine = regexp.MustCompile(`^(?:LOCK WAIT )?([0-9]+) lock struct\(s\), heap size [0-9]+, ([0-9]+) row lock\(s\)`)

func lockCounts(section []string) (structs int, rows int64) {
	for _, line := range section {
		if m := countLine.FindStringSubmatch(line); m != nil {
			structs, _ = strconv.Atoi(m[1])
			rows, _ = strconv.ParseInt(m[2], 10, 64)
			return structs, rows
		}
	}
	return 0, 0
}
