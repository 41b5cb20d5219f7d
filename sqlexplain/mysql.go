package sqlexplain

import (
	"cmp"
	"context"
	"database/sql"
	_ "embed" // the statements
	"errors"
	"slices"
	"strconv"
	"strings"
)

var (
	//go:embed sql/mysql_transaction.sql
	mysqlTransaction string
	//go:embed sql/mysql_count.sql
	mysqlCount string
	//go:embed sql/mysql_locks.sql
	mysqlLocks string
)

// mysqlEngine is MySQL 8 and later, which shows its locks in the performance schema.
type mysqlEngine struct{ innodb }

func (mysqlEngine) name() string { return "mysql" }

func (mysqlEngine) waitQueries() (waits, sessions string) { return mysqlWaits, innodbSessions }

// locks asks how many row locks there are before it reads them, and reads no more than
// maxLocks.
func (mysqlEngine) locks(ctx context.Context, look *sql.Conn, id int64) (snapshot, error) {
	var held snapshot
	trx, err := mysqlCounts(ctx, look, id, &held.rowsLocked)
	if err != nil || trx == "" {
		return held, err
	}
	rows, err := look.QueryContext(ctx, mysqlLocks, trx, maxLocks)
	if err != nil {
		return held, err
	}
	var data []dataLock
	err = eachRow(rows, func(row map[string]string) { data = append(data, dataLockOf(row)) })
	_ = rows.Close()
	if err != nil {
		return held, err
	}
	held.truncated = len(data) == maxLocks
	slices.SortStableFunc(data, inOrderTaken)
	held.locks, err = readDataLocks(ctx, look, data)
	if !held.truncated {
		held.rowsLocked = max(held.rowsLocked, rowLockCount(held.locks))
	}
	return held, err
}

// mysqlCounts returns the id of a session's transaction, or nothing while it has no lock,
// and sets the number of its row locks. innodb_trx would tell both, but the server
// answers from a copy of it while somebody reads it more often than every 0.1 s, and
// INNODB STATUS leaves out transactions that only read. So the status is asked first.
func mysqlCounts(ctx context.Context, look querier, id int64, rows *int64) (trx string, err error) {
	status, err := readStatus(ctx, look)
	if err != nil {
		return "", err
	}
	if section := transactionOf(status, id); section != nil {
		_, *rows = lockCounts(section)
		trx, _, _ = strings.Cut(strings.TrimPrefix(section[0], "---TRANSACTION "), ",")
		return trx, nil
	}
	err = look.QueryRowContext(ctx, mysqlTransaction, id).Scan(&trx)
	if err == nil {
		err = look.QueryRowContext(ctx, mysqlCount, trx).Scan(rows)
	}
	if errors.Is(err, sql.ErrNoRows) { // no transaction, or none yet in the copy
		return trx, nil
	}
	return trx, err
}

// rowLockCount counts the locks that are on no table.
func rowLockCount(locks []Lock) (n int64) {
	for _, l := range locks {
		if l.Kind != KindTable {
			n++
		}
	}
	return n
}

// dataLock is a row of performance_schema.data_locks.
type dataLock struct {
	schema, table, index, kind, mode, data string
	// at is where the server keeps the lock. It takes them from a block of its own for each
	// transaction, one after the other, so that this is the order in which they were taken.
	at uint64
}

func dataLockOf(row map[string]string) dataLock {
	id := row["engine_lock_id"] // ends with the address
	at, _ := strconv.ParseUint(id[strings.LastIndexByte(id, ':')+1:], 10, 64)
	return dataLock{row["object_schema"], row["object_name"], row["index_name"], row["lock_type"], row["lock_mode"], row["lock_data"], at}
}

// inOrderTaken puts table locks first, which come from another block.
func inOrderTaken(a, b dataLock) int {
	return cmp.Or(strings.Compare(b.kind, a.kind), cmp.Compare(a.at, b.at))
}

// readDataLocks turns rows into locks, with the values of their keys as text.
func readDataLocks(ctx context.Context, q querier, data []dataLock) ([]Lock, error) {
	var own sql.NullString
	if err := q.QueryRowContext(ctx, "SELECT DATABASE()").Scan(&own); err != nil {
		return nil, err
	}
	known := schemas{}
	locks := make([]Lock, 0, len(data))
	for _, d := range data {
		schema, err := known.of(ctx, q, d.schema+"."+d.table)
		if err != nil {
			return nil, err
		}
		locks = append(locks, d.lock(own.String, schema))
	}
	return locks, nil
}

func (d dataLock) lock(own string, schema *tableSchema) Lock {
	l := Lock{Table: tableName(own, d.schema, d.table), Index: d.index}
	l.Kind, l.Mode = kindOf(d.kind == "TABLE", d.mode)
	if d.kind != "TABLE" {
		l.Key = keyOf(d.data, schema.entry(d.index))
	}
	return l
}

// kindOf parts a mode such as "X,GAP,INSERT_INTENTION".
func kindOf(table bool, mode string) (Kind, string) {
	mode, flags, _ := strings.Cut(mode, ",")
	switch {
	case table:
		return KindTable, mode
	case strings.Contains(flags, "INSERT_INTENTION"):
		return KindInsertIntention, mode
	case strings.Contains(flags, "REC_NOT_GAP"):
		return KindRecord, mode
	case strings.Contains(flags, "GAP"):
		return KindGap, mode
	}
	return KindNextKey, mode
}

// keyOf reads a LOCK_DATA such as "5, 'it”s', 0x99B2", whose values are numbers,
// strings, and for other types the stored bytes.
func keyOf(data string, columns []column) []string {
	switch data {
	case "supremum pseudo-record":
		return []string{Supremum}
	case "": // the page is not in memory, and the server does not fetch it for this
		return []string{"?"}
	}
	key := []string{}
	for data != "" {
		var value string
		value, data = cutValue(data)
		c := column{}
		if len(key) < len(columns) {
			c = columns[len(key)]
		}
		key = append(key, c.shown(value))
	}
	return key
}

// cutValue takes the first value from a list.
func cutValue(data string) (value, rest string) {
	inside := false
	for i := range len(data) {
		switch {
		case data[i] == '\'':
			inside = !inside
		case data[i] == ',' && !inside:
			return data[:i], strings.TrimPrefix(data[i+1:], " ")
		}
	}
	return data, ""
}

// shown returns a value of LOCK_DATA as text.
func (c column) shown(value string) string {
	if len(value) > 1 && value[0] == '\'' && value[len(value)-1] == '\'' {
		return c.text([]byte(unquote(value)), value)
	}
	if digits, ok := strings.CutPrefix(value, "0x"); ok {
		return c.hex(digits, value)
	}
	switch c.dataType {
	case "date", "year", "enum", "set", "bit":
		if n, err := strconv.ParseUint(value, 10, 64); err == nil {
			return c.number(n)
		}
	}
	return value
}
