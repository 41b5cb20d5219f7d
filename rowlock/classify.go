package rowlock

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"reflect"
	"slices"
	"strings"
)

// kind is what an error of a database means here.
type kind uint8

const (
	// other is an error that running it again does not help.
	other kind = iota
	// held: a lock was not to be had in time.
	held
	// conflict: the database has ended a transaction for another's sake.
	conflict
	// outOfTime: the statement was longer than it was allowed to be.
	outOfTime
	// cutOff: the server has ended the connection, or the statement at a point where
	// nobody can say what became of it.
	cutOff
	// refusedBy: any other error that a server has answered with.
	refusedBy
)

// classify returns what err means. It knows the errors of the drivers by their shape, so
// that none of them has to be imported:
//
//   - PostgreSQL's (pgx, lib/pq) have a method SQLState;
//   - MySQL's and MariaDB's (go-sql-driver/mysql) are a MySQLError with a field Number;
//   - SQLite's (modernc.org/sqlite) have a method Code.
func classify(err error) (found kind) {
	eachError(err, func(err error) bool {
		if state, ok := err.(interface{ SQLState() string }); ok {
			found = postgresKind(state.SQLState())
		} else if code, ok := err.(interface{ Code() int }); ok {
			found = sqliteKind(code.Code())
		} else if number, ok := mysqlNumber(err); ok {
			found = mysqlKind(number)
		}
		return found == other
	})
	return found
}

// postgresKind: https://www.postgresql.org/docs/current/errcodes-appendix.html
func postgresKind(state string) kind {
	switch {
	case state == "40001", state == "40P01": // serialization_failure, deadlock_detected
		return conflict
	case state == "55P03": // lock_not_available: NOWAIT or lock_timeout
		return held
	case state == "40003", strings.HasPrefix(state, "08"), strings.HasPrefix(state, "57P"):
		return cutOff // statement_completion_unknown, connection_..., ..._shutdown
	}
	return refusedBy
}

// mysqlKind: https://dev.mysql.com/doc/mysql-errors/9.7/en/server-error-reference.html
// and https://mariadb.com/kb/en/mariadb-error-code-reference/
func mysqlKind(number uint64) kind {
	switch number {
	case 1213, // ER_LOCK_DEADLOCK
		1020, // ER_CHECKREAD: MariaDB's innodb_snapshot_isolation
		3101: // ER_TRANSACTION_ROLLBACK_DURING_COMMIT: group replication
		return conflict
	case 1205, 3572: // ER_LOCK_WAIT_TIMEOUT, ER_LOCK_NOWAIT
		return held
	case 1969, 3024: // ER_STATEMENT_TIMEOUT (MariaDB), ER_QUERY_TIMEOUT (MySQL)
		return outOfTime
	case 1053, 1180, 1317, 1927: // ER_SERVER_SHUTDOWN, ER_ERROR_DURING_COMMIT, ER_QUERY_INTERRUPTED, ER_CONNECTION_KILLED
		return cutOff
	}
	return refusedBy
}

// sqliteKind: https://sqlite.org/rescode.html
func sqliteKind(code int) kind {
	switch {
	case code == 517: // SQLITE_BUSY_SNAPSHOT: another has written since this one has read
		return conflict
	case code&0xff == 5, code&0xff == 6: // SQLITE_BUSY, SQLITE_LOCKED
		return held
	case code&0xff == 10: // SQLITE_IOERR
		return cutOff
	}
	return refusedBy
}

// mysqlNumber returns the number of a *mysql.MySQLError, which has no method for it.
func mysqlNumber(err error) (uint64, bool) {
	v := reflect.Indirect(reflect.ValueOf(err))
	if v.Kind() != reflect.Struct || v.Type().Name() != "MySQLError" {
		return 0, false
	}
	number := v.FieldByName("Number")
	if !number.IsValid() || !number.CanUint() {
		return 0, false
	}
	return number.Uint(), true
}

// eachError calls visit with err and all that it wraps until visit returns false.
func eachError(err error, visit func(error) bool) bool {
	if err == nil || !visit(err) {
		return err == nil
	}
	switch err := err.(type) { //nolint:errorlint // it walks the tree itself
	case interface{ Unwrap() error }:
		return eachError(err.Unwrap(), visit)
	case interface{ Unwrap() []error }:
		return !slices.ContainsFunc(err.Unwrap(), func(err error) bool { return !eachError(err, visit) })
	}
	return true
}

// again reports whether a transaction that has ended with err may be run again: nothing
// of it was kept, and it may succeed then.
func again(err error) bool {
	if errors.Is(err, ErrAmbiguous) || errors.Is(err, errAsked) {
		return false
	}
	found := classify(err)
	return errors.Is(err, ErrConflict) || found == conflict || found == held
}

// lost reports whether err, of a statement that keeps what it does or of a COMMIT, leaves
// open whether that was done. pgx's SafeToRetry is not asked: it is true of a COMMIT that
// the server has carried out and whose reply was lost (measured with pgx 5.12).
func lost(err error) bool {
	if err == nil || errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrTxDone) || errors.Is(err, sql.ErrConnDone) {
		return false // was not sent
	}
	if found := classify(err); found != other {
		return found == cutOff
	}
	return !slices.ContainsFunc(certain, func(text string) bool { return strings.Contains(err.Error(), text) })
}

// certain are errors of the clients' own, without a type, that leave nothing open.
var certain = []string{
	"sql: converting argument",                    // database/sql: was not sent
	"failed to encode",                            // pgx: was not sent
	"commit unexpectedly resulted in rollback",    // pgx.ErrTxCommitRollback
	"could not complete operation in a failed tr", // lib/pq, the same
}
