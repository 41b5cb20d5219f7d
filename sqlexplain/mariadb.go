package sqlexplain

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// mariadbEngine is MariaDB, which shows its locks in INNODB STATUS alone.
type mariadbEngine struct{ innodb }

func (mariadbEngine) name() string { return "mariadb" }

func (mariadbEngine) waitQueries() (waits, sessions string) { return mariadbWaits, innodbSessions }

// statusLockName is the name of the server-wide lock under which innodb_status_output_locks
// is turned on and put back, so that of two runs none puts back what the other needs.
const statusLockName = "pawl.innodb_status_output_locks"

// locks reads INNODB STATUS, whose list ends after ten lock structures. The count in the
// transaction's header is the whole one.
func (mariadbEngine) locks(ctx context.Context, look *sql.Conn, id int64) (snapshot, error) {
	var held snapshot
	status, err := statusWithLocks(ctx, look)
	if err != nil {
		return held, err
	}
	section := transactionOf(status, id)
	if section == nil {
		if strings.Contains(status, "... truncated...") {
			return held, errors.New("INNODB STATUS is cut before the statement's transaction: there are too many other ones")
		}
		return held, nil
	}
	structs, rows := lockCounts(section)
	printed := statusLocks(section)
	held.rowsLocked, held.truncated = rows, len(printed) < structs
	held.locks, err = withKeys(ctx, look, printed)
	return held, err
}

// statusWithLocks turns the printing of locks on, reads, and puts the setting back. It
// takes milliseconds and is not broken off: the setting is everybody's.
func statusWithLocks(ctx context.Context, look *sql.Conn) (status string, err error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTimeout)
	defer cancel()
	var locked sql.NullBool
	if err := look.QueryRowContext(ctx, "SELECT GET_LOCK(?, ?)", statusLockName, cleanUpTimeout.Seconds()/2).Scan(&locked); err != nil {
		return "", err
	}
	if !locked.Bool {
		return "", fmt.Errorf("another session has held the server's lock %q for %v; is an explain hanging there?", statusLockName, cleanUpTimeout/2)
	}
	defer look.ExecContext(ctx, "DO RELEASE_LOCK(?)", statusLockName) //nolint:errcheck // it ends with the connection at the latest
	var was bool
	if err := look.QueryRowContext(ctx, "SELECT @@GLOBAL.innodb_status_output_locks").Scan(&was); err != nil {
		return "", err
	}
	if !was {
		if _, err := look.ExecContext(ctx, "SET GLOBAL innodb_status_output_locks = ON"); err != nil {
			return "", err
		}
		defer func() {
			_, back := look.ExecContext(ctx, "SET GLOBAL innodb_status_output_locks = OFF")
			if back != nil {
				err = errors.Join(err, fmt.Errorf("innodb_status_output_locks is still ON, set it OFF: %w", back))
			}
		}()
	}
	return readStatus(ctx, look)
}

// withKeys looks up the columns of each index and returns the locks with their keys as
// text.
func withKeys(ctx context.Context, q querier, printed []statusLock) ([]Lock, error) {
	var own sql.NullString
	if err := q.QueryRowContext(ctx, "SELECT DATABASE()").Scan(&own); err != nil {
		return nil, err
	}
	known := schemas{}
	var locks []Lock
	for _, p := range printed {
		schema, err := known.of(ctx, q, p.schema+"."+p.table)
		if err != nil {
			return nil, err
		}
		locks = append(locks, p.locks(own.String, schema.entry(p.index))...)
	}
	return locks, nil
}
