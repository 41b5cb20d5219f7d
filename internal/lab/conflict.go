package lab

import (
	"errors"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"

	"github.com/pawl-go/pawl/fence"
)

// Conflict reports whether err is the database's word that a transaction was undone for
// the sake of others, and may succeed when it is tried again: a deadlock, a failed
// serialization, a lock that was waited for too long.
func Conflict(err error) bool {
	var postgres *pgconn.PgError
	var my *mysql.MySQLError
	var lite *sqlite.Error
	switch {
	case errors.As(err, &postgres):
		return postgres.Code == "40001" || postgres.Code == "40P01" || postgres.Code == "55P03"
	case errors.As(err, &my):
		// Deadlock; lock wait timeout; and MariaDB's word for a row that has changed since
		// the snapshot.
		return my.Number == 1213 || my.Number == 1205 || my.Number == 1020
	case errors.As(err, &lite):
		return lite.Code()&0xff == 5 // SQLITE_BUSY and its kin
	}
	return false
}

// OrIgnore returns insert, an INSERT INTO, such that it leaves out rows whose key is there
// already instead of failing.
func (db *DB) OrIgnore(insert string) string {
	if db.Dialect == fence.MySQL {
		return strings.Replace(insert, "INSERT INTO", "INSERT IGNORE INTO", 1)
	}
	return insert + " ON CONFLICT DO NOTHING"
}
