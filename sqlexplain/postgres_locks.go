package sqlexplain

import (
	"context"
	"database/sql"
	_ "embed" // the statements
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

var (
	//go:embed sql/postgres_locks.sql
	postgresLocks string
	//go:embed sql/postgres_key.sql
	postgresKey string
	//go:embed sql/postgres_rows.sql
	postgresRows string
)

// locks reads pg_locks, and the rows of each table that the transaction may have locked
// rows of.
func (postgresEngine) locks(ctx context.Context, look *sql.Conn, id int64) (snapshot, error) {
	var held snapshot
	rows, err := look.QueryContext(ctx, postgresLocks, id)
	if err != nil {
		return held, err
	}
	err = eachRow(rows, func(row map[string]string) { held.locks = append(held.locks, postgresLock(row)) })
	_ = rows.Close()
	if err != nil {
		return held, err
	}
	pgrowlocks, err := findRowLocks(ctx, look)
	if err != nil || pgrowlocks == "" {
		return held, err
	}
	for _, table := range rowLockTables(held.locks) {
		locked, all, err := rowLocks(ctx, look, pgrowlocks, table, id)
		if err != nil {
			return held, fmt.Errorf("row locks of %s: %w", table, err)
		}
		held.locks = append(held.locks, locked...)
		held.rowsLocked += all
		held.truncated = held.truncated || int64(len(locked)) < all
	}
	return held, nil
}

// postgresLock turns a row of pg_locks into a lock. The predicate locks of SERIALIZABLE
// are on a tuple, a page or all: on a page of an index they stand for the gaps in it.
func postgresLock(row map[string]string) Lock {
	l := Lock{Table: row["tab"], Index: row["idx"], Mode: row["mode"], Kind: KindTable}
	switch {
	case row["kind"] == "tuple":
		l.Kind, l.Key = KindRecord, []string{fmt.Sprintf("(%s,%s)", row["page"], row["tuple"])}
	case row["kind"] == "page" && l.Index != "":
		l.Kind, l.Key = KindGap, []string{"page " + row["page"]}
	case row["kind"] == "page":
		l.Kind, l.Key = KindRecord, []string{"page " + row["page"]}
	}
	return l
}

// findRowLocks returns the quoted name of pgrowlocks, or nothing where the extension is
// not installed.
func findRowLocks(ctx context.Context, q querier) (string, error) {
	var schema string
	err := q.QueryRowContext(ctx, "SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pgrowlocks'").Scan(&schema)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return schema + ".pgrowlocks", err
}

// rowLockTables returns the tables with a lock that goes with row locks.
func rowLockTables(locks []Lock) []string {
	var tables []string
	seen := make(map[string]bool)
	for _, l := range locks {
		if l.Kind == KindTable && l.Index == "" && (l.Mode == "RowShareLock" || l.Mode == "RowExclusiveLock") && !seen[l.Table] {
			seen[l.Table] = true
			tables = append(tables, l.Table)
		}
	}
	return tables
}

// rowLocks reads the row locks of one table with their strength, such as "No Key Update",
// maxLocks of them at most, and how many there are in all.
func rowLocks(ctx context.Context, q querier, pgrowlocks, table string, id int64) (locks []Lock, all int64, err error) {
	var key sql.NullString
	if err := q.QueryRowContext(ctx, postgresKey, table).Scan(&key); err != nil {
		return nil, 0, err
	}
	if !key.Valid {
		key.String = "json_build_array(t.ctid::text)" // there is no primary key
	}
	rows, err := q.QueryContext(ctx, fmt.Sprintf(postgresRows, table, key.String, pgrowlocks), table, id, maxLocks)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var place, modes, key string
		if err := rows.Scan(&place, &modes, &key, &all); err != nil {
			return nil, 0, err
		}
		lock := Lock{Table: table, Kind: KindRecord, Mode: strength(modes)}
		if err := json.Unmarshal([]byte(key), &lock.Key); err != nil || lock.Key == nil {
			lock.Key = []string{place}
		}
		locks = append(locks, lock)
	}
	return locks, all, rows.Err()
}

// strength returns the modes of a row as SQL names them. "No Key Update" is the lock of
// an UPDATE that has been made, "For No Key Update" that of a SELECT.
func strength(modes string) string {
	var list []string
	if err := json.Unmarshal([]byte(modes), &list); err != nil {
		return modes
	}
	for i, mode := range list {
		mode = strings.ToUpper(mode)
		if !strings.HasPrefix(mode, "FOR ") {
			mode = "FOR " + mode
		}
		list[i] = mode
	}
	return strings.Join(list, ", ")
}
