package fence

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"unicode/utf8"
)

// DefaultTable is the side table's name unless SideTable says otherwise.
const DefaultTable = "pawl_fence"

// maxResource is what every database indexes, in bytes.
const maxResource = 512

// SideTable keeps tokens in a table of its own, for what has no room for a token
// column: several tables at once, rows that are inserted and deleted, a schema that
// may not change. It holds no state and may be used by many goroutines.
//
//	guard := fence.SideTable{Dialect: fence.SQLite}
//	tx, err := db.BeginTx(ctx, nil)
//	...
//	if err := guard.Check(ctx, tx, "stock:42", lock.Token()); err != nil {
//		return err // and roll back
//	}
//	// whatever tx reads and writes now is ordered by token
//	return tx.Commit()
//
// The table has one row for each resource that was ever checked. A row may be
// deleted when no holder of its lock can be under way any more.
type SideTable struct {
	Dialect Dialect
	// Table is the table that DDL makes; empty means DefaultTable. A dot parts
	// schema and table.
	Table string
}

// DDL returns the statement that makes the table unless it exists. The caller runs
// it, once.
//
// Errors: a Dialect that is not set.
func (s SideTable) DDL() (string, error) {
	if err := s.check(); err != nil {
		return "", fmt.Errorf("fence: %w", err)
	}
	d := s.Dialect
	// Resources compare byte by byte everywhere: MySQL's text would ignore case and
	// spaces at the end.
	resource, end := "TEXT", ""
	switch d {
	case SQLite:
		end = " WITHOUT ROWID"
	case MySQL:
		resource, end = fmt.Sprintf("VARBINARY(%d)", maxResource), " ENGINE=InnoDB"
	}
	return "CREATE TABLE IF NOT EXISTS " + d.quoteTable(s.name()) + " (" +
		d.quote("resource") + " " + resource + " NOT NULL PRIMARY KEY, " +
		d.quote("token") + " BIGINT NOT NULL)" + end, nil
}

// Check refuses token if a newer one was checked for resource before, and remembers
// it otherwise. It must come first in tx: resource stays locked until tx ends, so
// that no other holder passes between the check and the writes that follow it. A
// concurrent Check of the same resource waits for that.
//
// resource is any UTF-8 text of 1 to 512 bytes without a zero byte; the name of the
// lock will do.
//
// Errors: ErrStale, after which tx must be rolled back, ErrNoToken, ErrInvalidToken,
// and those of the database.
func (s SideTable) Check(ctx context.Context, tx *sql.Tx, resource string, token uint64) error {
	if err := s.raise(ctx, tx, resource, token); err != nil {
		return fmt.Errorf("fence: resource %q: %w", resource, err)
	}
	return nil
}

func (s SideTable) raise(ctx context.Context, tx *sql.Tx, resource string, token uint64) error {
	if err := errors.Join(s.check(), checkToken(token), checkResource(resource)); err != nil {
		return err
	}
	query, values := s.upsert(resource, int64(token))
	if _, err := tx.ExecContext(ctx, query, values...); err != nil {
		return err
	}
	// The count of rows would tell as well, but not in MySQL; the row is locked by
	// now, so that reading it is as good.
	var stored int64
	if err := tx.QueryRowContext(ctx, s.lookup(), resource).Scan(&stored); err != nil {
		return err
	}
	if uint64(stored) > token {
		return stale(token, uint64(stored))
	}
	return nil
}

// upsert stores the larger of token and what is stored, and locks the row.
func (s SideTable) upsert(resource string, token int64) (string, []any) {
	d := s.Dialect
	table, column := d.quoteTable(s.name()), d.quote("token")
	query := "INSERT INTO " + table + " (" + d.quote("resource") + ", " + column + ") VALUES (" + d.param(1) + ", " + d.param(2) + ")"
	if d == MySQL {
		return query + " ON DUPLICATE KEY UPDATE " + column + " = GREATEST(" + column + ", ?)", []any{resource, token, token}
	}
	return query + " ON CONFLICT (" + d.quote("resource") + ") DO UPDATE SET " + column + " = excluded." + column +
		" WHERE " + table + "." + column + " <= excluded." + column, []any{resource, token}
}

func (s SideTable) lookup() string {
	d := s.Dialect
	return "SELECT " + d.quote("token") + " FROM " + d.quoteTable(s.name()) +
		" WHERE " + d.quote("resource") + " = " + d.param(1) + d.lockingRead()
}

// Store returns a Store on the table, for HTTP: every check is a transaction of its
// own in db. Several processes that share the database share what it remembers.
func (s SideTable) Store(db *sql.DB) Store { return sideStore{s, db} }

type sideStore struct {
	table SideTable
	db    *sql.DB
}

// Raise is Check in a transaction of its own.
func (s sideStore) Raise(ctx context.Context, resource string, token uint64) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("fence: resource %q: %w", resource, err)
	}
	defer tx.Rollback() //nolint:errcheck // nothing to undo after the commit
	if err := s.table.Check(ctx, tx, resource, token); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("fence: resource %q: %w", resource, err)
	}
	return nil
}

func (s SideTable) name() string {
	if s.Table == "" {
		return DefaultTable
	}
	return s.Table
}

func (s SideTable) check() error {
	return errors.Join(s.Dialect.check(), checkNames(s.name()))
}

func checkResource(resource string) error {
	if resource == "" || len(resource) > maxResource || !utf8.ValidString(resource) {
		return fmt.Errorf("%d bytes: want UTF-8 of 1 to %d", len(resource), maxResource)
	}
	return checkNames(resource)
}
