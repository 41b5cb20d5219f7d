package sqlexplain

import (
	"context"
	_ "embed" // the statement
	"slices"
)

//go:embed sql/mysql_history.sql
var mysqlHistory string

// addHistory adds what each transaction did before the statement that the report has: the
// server keeps the last ten statements of a session. One that has gone, or whose
// statement has been pushed out since, has none, and so has every one when the user may
// not read the history.
func (s *Server) addHistory(ctx context.Context, d *Deadlock) {
	for i := range d.Transactions {
		p := &d.Transactions[i]
		rows, err := s.db.QueryContext(ctx, mysqlHistory, p.Session)
		if err != nil {
			return
		}
		var latest []string
		err = eachRow(rows, func(row map[string]string) { latest = append(latest, row["sql_text"]) })
		_ = rows.Close()
		if err != nil {
			return
		}
		p.Earlier = earlier(latest, p.Statement)
	}
}

// earlier returns the statements before the given one back to the beginning of its
// transaction, in the order in which they ran.
func earlier(latest []string, statement string) []string {
	at := slices.Index(latest, statement)
	if at < 0 {
		return nil
	}
	var before []string
	for _, text := range latest[at+1:] {
		tokens := lex(text, false)
		if len(tokens) > 0 && slices.ContainsFunc([]string{"BEGIN", "START", "COMMIT", "ROLLBACK"}, tokens[0].is) {
			break
		}
		before = append(before, text)
	}
	slices.Reverse(before)
	return before
}
