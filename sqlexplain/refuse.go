package sqlexplain

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// reads and writes are the statements that can be undone.
var undoable = []string{"SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE", "WITH", "TABLE", "VALUES", "("}

// refusals tell for the beginnings of other statements why they cannot be run.
var refusals = map[string]string{
	"CREATE": ddl, "ALTER": ddl, "DROP": ddl, "TRUNCATE": ddl, "RENAME": ddl, "GRANT": ddl, "REVOKE": ddl,
	"ANALYZE": ddl, "OPTIMIZE": ddl, "REPAIR": ddl, "REINDEX": ddl, "CLUSTER": ddl, "VACUUM": ddl, "COMMENT": ddl,
	"LOAD": "it reads a file and may commit on the way", "COPY": "it reads or writes a file or the client's input",
	"BEGIN": control, "START": control, "COMMIT": control, "ROLLBACK": control, "END": control, "ABORT": control,
	"SAVEPOINT": control, "RELEASE": control, "XA": control, "PREPARE": control, "SET": control,
	"CALL": "a procedure may commit on the way", "DO": "a block may commit on the way", "EXECUTE": "what it runs cannot be seen",
	"LOCK": "it locks by itself", "UNLOCK": "it ends the transaction", "EXPLAIN": "give the statement itself",
	"HANDLER": "it is not part of a transaction", "KILL": "it acts on other sessions", "NOTIFY": "it acts on other sessions",
}

const (
	ddl     = "it changes definitions, and that commits or cannot be tried out without blocking others"
	control = "it steers transactions or settings, which explain does itself"
)

// statement is what the user gave, read as far as needed.
type statement struct {
	text   string
	tokens []token
}

// read returns a statement that could be undone as far as its words tell, or why it
// is refused.
func read(text string, postgres bool) (statement, error) {
	tokens := lex(text, postgres)
	for n := len(tokens); n > 0 && tokens[n-1].text == ";" && !tokens[n-1].quoted; n-- {
		tokens = tokens[:n-1]
	}
	if len(tokens) == 0 {
		return statement{}, errors.New("the statement is empty; want one SELECT, INSERT, UPDATE, DELETE or REPLACE")
	}
	s := statement{strings.TrimRight(text, "; \t\r\n"), tokens}
	if i := slices.IndexFunc(tokens, func(t token) bool { return t.text == ";" && !t.quoted }); i >= 0 {
		return s, refused("there are several statements in one; give the earlier ones with --after")
	}
	first := strings.ToUpper(tokens[0].text)
	if !slices.Contains(undoable, first) || tokens[0].quoted {
		if why, ok := refusals[first]; ok {
			return s, refused("%s: %s", first, why)
		}
		return s, refused("it begins with %q; want SELECT, INSERT, UPDATE, DELETE or REPLACE", tokens[0].text)
	}
	return s, s.sideEffects(postgres)
}

// sideEffects returns why the statement could do what a rollback does not undo.
func (s statement) sideEffects(postgres bool) error {
	for i, t := range s.tokens {
		if t.is("INTO") && i+1 < len(s.tokens) {
			if next := s.tokens[i+1]; next.is("OUTFILE") || next.is("DUMPFILE") {
				return refused("INTO %s writes a file", strings.ToUpper(next.text))
			}
		}
		if t.is("NEXT") && i+2 < len(s.tokens) && s.tokens[i+1].is("VALUE") && s.tokens[i+2].is("FOR") {
			return refused("NEXT VALUE FOR moves a sequence, which a rollback does not undo")
		}
		if t.call && lasting(strings.ToLower(t.text)) {
			return refused("%s() has an effect that a rollback does not undo", strings.ToLower(t.text))
		}
	}
	if postgres && s.verb() == "SELECT" && s.has("INTO") {
		return refused("SELECT INTO creates a table")
	}
	return nil
}

// lastingCalls are the engines' own functions that act outside of the transaction. A
// star stands for any ending.
var lastingCalls = []string{
	// MySQL and MariaDB
	"get_lock", "release_lock", "release_all_locks", "sleep", "benchmark", "nextval", "setval", "master_pos_wait",
	"source_pos_wait", "master_gtid_wait", "wait_for_executed_gtid_set", "wait_until_sql_thread_after_gtids", "group_replication_*",
	"asynchronous_connection_failover_*", "service_*_locks", "keyring_*", "audit_*", "mysql_firewall_*",
	// PostgreSQL
	"pg_advisory_*lock*", "pg_try_advisory_lock*", "pg_terminate_backend", "pg_cancel_backend", "pg_reload_conf",
	"pg_rotate_logfile*", "pg_switch_wal", "pg_create_restore_point", "pg_promote", "pg_wal_replay_*", "pg_backup_*",
	"pg_start_backup", "pg_stop_backup", "pg_logical_*", "pg_replication_*", "pg_create_*", "pg_drop_*", "pg_copy_*",
	"pg_stat_reset*", "pg_stat_statements_reset", "pg_sleep*", "pg_file_*", "pg_notify", "pg_log_backend_memory_contexts", "lo_import", "lo_export",
	"set_config", "dblink*", "pg_read_*", "pg_ls_*", "pg_import_system_collations",
}

func lasting(function string) bool {
	return slices.ContainsFunc(lastingCalls, func(pattern string) bool {
		return like(pattern, function)
	})
}

// like reports whether text fits a pattern in which stars stand for anything.
func like(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if !strings.HasPrefix(text, parts[0]) {
		return false
	}
	text = text[len(parts[0]):]
	for i, part := range parts[1:] {
		at := strings.Index(text, part)
		if i == len(parts)-2 {
			return part == "" || strings.HasSuffix(text, part)
		}
		if at < 0 {
			return false
		}
		text = text[at+len(part):]
	}
	return text == ""
}

func refused(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrRefused, fmt.Sprintf(format, args...))
}

// verb returns what the statement does: the first of the known words outside of
// parentheses, so that a WITH is seen through.
func (s statement) verb() string {
	depth := 0
	for _, t := range s.tokens {
		switch {
		case t.text == "(" && !t.quoted:
			depth++
		case t.text == ")" && !t.quoted:
			depth--
		case depth > 0:
		case slices.ContainsFunc([]string{"SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE", "TABLE", "VALUES"}, t.is):
			return strings.ToUpper(t.text)
		}
	}
	return "SELECT"
}

// has reports whether the words stand in the statement one after the other.
func (s statement) has(words ...string) bool {
	for i := range s.tokens {
		n := 0
		for n < len(words) && i+n < len(s.tokens) && s.tokens[i+n].is(words[n]) {
			n++
		}
		if n == len(words) {
			return true
		}
	}
	return false
}

// names returns what could be tables of the statement, without doubles: every name that
// is no call.
func (s statement) names() []string { return s.pick(func(t token) bool { return t.name() }) }

// calls returns the functions that the statement could call, in lower case.
func (s statement) calls() []string {
	return s.pick(func(t token) bool { return t.name() && t.call })
}

func (s statement) pick(want func(token) bool) []string {
	var names []string
	for _, t := range s.tokens {
		if want(t) {
			names = append(names, t.text)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// locking reports whether the statement is a read that asks for row locks.
func (s statement) locking() bool {
	return s.has("FOR", "UPDATE") || s.has("FOR", "SHARE") || s.has("LOCK", "IN", "SHARE") ||
		s.has("FOR", "NO", "KEY", "UPDATE") || s.has("FOR", "KEY", "SHARE")
}
