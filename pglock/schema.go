package pglock

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

const (
	// schemaVersion is the newest of the files sql/schema_N.sql. The comment on the table
	// of locks says which one the database has.
	schemaVersion = 1
	schemaComment = "pawl schema %d"
	// oldestServer is the version that the planner's settings and the identity column need.
	oldestServer = 120000
)

// columnsExpected are the columns of the four tables, as facts.sql lists them.
const columnsExpected = "name bytea, token bigint, crowded boolean, holder text, ttl bigint, owner bytea, note bytea, since bigint, until bigint, broken boolean, " +
	"name bytea, holder text, client text, mode smallint, slots integer, ttl bigint, owner bytea, note bytea, token bigint, since bigint, until bigint, claimed boolean, broken boolean, " +
	"name bytea, holder text, seq bigint, client text, mode smallint, slots integer, ttl bigint, owner bytea, note bytea, since bigint, until bigint, " +
	"name bytea, holder text, until bigint"

// DDL returns the statements that make the tables: for those who let somebody else make
// them, in one transaction. table is what Options.Table says, "" for DefaultTable. The
// driver's user then needs SELECT, INSERT, UPDATE and DELETE on the four tables, whose
// names begin with table. They may be unlogged, if a crash of the server may end every
// lease: tokens rise all the same.
//
// Errors: driver.ErrInvalidOption for what is no table's name.
func DDL(table string) (string, error) {
	if table == "" {
		table = DefaultTable
	}
	if err := checkTable(table); err != nil {
		return "", fmt.Errorf("pglock: %w", err)
	}
	var all strings.Builder
	for version := 1; version <= schemaVersion; version++ {
		all.WriteString(statementsFor(table)[fmt.Sprintf("schema_%d", version)])
	}
	return all.String(), nil
}

// facts are what facts.sql tells.
type facts struct {
	Version    int
	Standby    bool
	ReadOnly   bool
	Isolation  string
	Tables     int
	Comment    string
	Columns    string
	Privileges bool
	MayCreate  bool
	User       string
}

func (s *session) facts(ctx context.Context, table string) (f facts, err error) {
	schema, _, found := strings.Cut(table, ".")
	if !found {
		schema = ""
	}
	rows, err := s.Query(ctx, statementsFor(table)["facts"], pgx.QueryExecModeExec,
		quoteTable(table, ""), quoteTable(table, "_lease"), quoteTable(table, "_waiter"), quoteTable(table, "_mark"), schema)
	if err != nil {
		return f, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[facts])
}

// prepare connects, looks whether the server will do, and makes the tables.
func (p *pool) prepare(ctx context.Context, o Options) error {
	within, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	return explain(ctx, p.with(within, func(s *session) error {
		f, err := s.facts(within, o.Table)
		if err != nil {
			return err
		}
		if err := f.judgeServer(s.relayed); err != nil {
			return err
		}
		if f.Tables == 0 {
			if err := f.judgeCreation(o); err != nil {
				return err
			}
			if err := s.create(within, o.Table); err != nil {
				return err
			}
			if f, err = s.facts(within, o.Table); err != nil {
				return err
			}
		}
		return f.judgeTables(o.Table)
	}))
}

// judgeServer returns why a server will not do, or nil.
func (f *facts) judgeServer(relayed bool) error {
	switch {
	case f.Version < oldestServer:
		return invalid("version %d.%d: want PostgreSQL %d or later", f.Version/10000, f.Version%10000, oldestServer/10000)
	case f.Standby:
		return invalid("this is a read-only replica: want the primary; target_session_attrs=read-write chooses it among several hosts")
	case f.ReadOnly:
		return invalid("default_transaction_read_only is on: want it off for the user %q", f.User)
	case relayed && f.Isolation != "read committed":
		return invalid("default_transaction_isolation is %q behind a pooler: want 'read committed' for the user %q (ALTER ROLE ... SET)", f.Isolation, f.User)
	}
	return nil
}

// judgeCreation returns why the tables cannot be made, or nil.
func (f *facts) judgeCreation(o Options) error {
	const how = "have the statements of pglock.DDL run by somebody who may (docs/backends/postgres.md)"
	switch {
	case o.NoCreate:
		return invalid("no table %s: %s", quoteTable(o.Table, ""), how)
	case !f.MayCreate:
		return invalid("no table %s, and the user %q may not create it: %s", quoteTable(o.Table, ""), f.User, how)
	}
	return nil
}

// judgeTables returns why the tables that there are will not do, or nil.
func (f *facts) judgeTables(table string) error {
	name := quoteTable(table, "")
	var version int
	n, _ := fmt.Sscanf(f.Comment, schemaComment, &version)
	switch {
	case n == 1 && version > schemaVersion:
		return invalid("table %s was made by a newer pawl: schema %d, this one knows up to %d", name, version, schemaVersion)
	case n != 1 && f.Tables > 0 || f.Columns != columnsExpected:
		return invalid("table %s, or one whose name begins so, is not pawl's, or was changed: want it as pglock.DDL makes it, or another table=NAME", name)
	case !f.Privileges:
		return invalid("the user %q lacks privileges: GRANT SELECT, INSERT, UPDATE, DELETE ON %s, %s, %s, %s", f.User,
			name, quoteTable(table, "_lease"), quoteTable(table, "_waiter"), quoteTable(table, "_mark"))
	}
	return nil
}

// create makes the tables, unless somebody else was faster. Behind a pooler that is one
// transaction too.
func (s *session) create(ctx context.Context, table string) error {
	return pgx.BeginTxFunc(ctx, s, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		// Those who begin at the same time must not make the same table.
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", pgx.QueryExecModeExec, txKey("\x00"+table)); err != nil {
			return err
		}
		f, err := s.facts(ctx, table)
		if err != nil || f.Tables > 0 {
			return err
		}
		ddl, err := DDL(table)
		if err != nil {
			return err
		}
		_, err = tx.Conn().PgConn().Exec(ctx, ddl).ReadAll()
		return err
	})
}
