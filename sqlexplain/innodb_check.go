package sqlexplain

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-sql-driver/mysql"
)

// check refuses tables that explain cannot see the locks of, or that a rollback does not
// restore. It looks at everything of the statement that could name a table, so that a
// column with the name of such a table is refused as well.
func (innodb) check(ctx context.Context, look querier, s statement) (warnings []string, err error) {
	var refusal error
	err = eachNamed(ctx, look, innodbTables, s.names(), func(row map[string]string) {
		if why := innodbRefusal(row); why != nil && refusal == nil {
			refusal = why
		}
		if verb := s.verb(); (verb == "INSERT" || verb == "REPLACE") && row["numbered"] == "1" {
			warnings = append(warnings, fmt.Sprintf("the AUTO_INCREMENT of %s moves on: a rollback does not give its values back", row["table_name"]))
		}
		if row["keyless"] == "1" && row["storage"] == "InnoDB" {
			warnings = append(warnings, fmt.Sprintf("%s has no primary key: its rows stand in the hidden index %s under numbers that no statement can name; a primary key would let single rows be locked",
				row["table_name"], hiddenIndex))
		}
	})
	if err != nil || refusal != nil {
		return nil, errors.Join(refusal, err)
	}
	err = eachNamed(ctx, look, innodbTriggers, s.names(), func(row map[string]string) {
		refusal = refused("the trigger %s names %s, which is no InnoDB table, and a rollback does not restore that", row["trigger_name"], row["table_name"])
	})
	if err == nil && refusal == nil {
		err = eachNamed(ctx, look, innodbFunctions, s.calls(), func(row map[string]string) {
			refusal = refused("the function %s modifies data, and may do what a rollback does not undo", row["routine_name"])
		})
	}
	return warnings, errors.Join(refusal, err)
}

// innodbRefusal returns why a table of information_schema cannot be explained.
func innodbRefusal(row map[string]string) error {
	name := row["table_name"]
	switch {
	case row["table_schema"] == "information_schema", row["table_schema"] == "performance_schema":
		return nil
	case row["table_type"] == "VIEW":
		return refused("%s is a view, whose locks are those of its tables; write the statement on these", name)
	case row["table_type"] == "SEQUENCE":
		return refused("%s is a sequence, which a rollback does not set back", name)
	case row["storage"] != "InnoDB":
		return refused("%s is a %s table, which has no row locks and no rollback; ALTER TABLE %s ENGINE=InnoDB would change that",
			name, row["storage"], name)
	case row["partitioned"] == "1":
		return refused("%s is partitioned, and each partition has indexes and locks of its own; try the statement on a table like one partition", name)
	}
	return nil
}

// Error numbers of both servers.
const (
	erDBAccess       = 1044
	erAccess         = 1045
	erNoTable        = 1146
	erBadField       = 1054
	erParse          = 1064
	erTableAccess    = 1142
	erColumnAccess   = 1143
	erLockTimeout    = 1205
	erDeadlock       = 1213
	erSpecific       = 1227
	erOption         = 1290
	erReadOnly       = 1836
	erReadOnlyTx     = 1792
	erDuplicate      = 1062
	erParentRow      = 1451
	erChildRow       = 1452
	erQueryKilled    = 1317
	erDuplicateIndex = 1586
)

func (innodb) survives(err error) bool {
	var my *mysql.MySQLError
	if !errors.As(err, &my) {
		return false
	}
	switch my.Number {
	case erDuplicate, erDuplicateIndex, erParentRow, erChildRow:
		return true
	}
	return false
}

// plain says what to grant or to change.
func (innodb) plain(err error, opts Options) error {
	var my *mysql.MySQLError
	if !errors.As(err, &my) {
		return err
	}
	switch my.Number {
	case erParse:
		return fmt.Errorf("the statement does not parse: %w", err)
	case erTableAccess, erColumnAccess, erDBAccess:
		return fmt.Errorf("%w; grant that privilege, and to read locks: GRANT SELECT ON performance_schema.* and GRANT PROCESS ON *.*", err)
	case erSpecific:
		return fmt.Errorf("%w; to read locks the user needs GRANT PROCESS ON *.*, and on MariaDB GRANT SUPER ON *.* to turn innodb_status_output_locks on", err)
	case erOption, erReadOnly, erReadOnlyTx:
		return fmt.Errorf("the server is read-only: %w; give --db the primary", err)
	case erLockTimeout:
		return fmt.Errorf("another transaction holds a lock that the statement wants, for longer than --lock-timeout %v; \"pawl waits\" shows who waits, a larger --lock-timeout waits longer: %w",
			opts.LockTimeout, err)
	case erDeadlock:
		return fmt.Errorf("the statement ran into a deadlock and was rolled back; \"pawl deadlocks\" explains it: %w", err)
	}
	return err
}
