package sqlexplain_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pawl-go/pawl/sqlexplain"
)

// TestRules: on the real servers, each rule of advice speaks where it applies, with the
// reason, and is silent where it does not.
func TestRules(t *testing.T) {
	const rr, rc, ser = "repeatable-read", "read-committed", "serializable"
	for _, test := range []struct {
		rule, isolation, statement string
		words                      string   // of the advice; none means silence
		on                         []string // the engines
	}{
		{"no-index", rr, "UPDATE t SET n = 1 WHERE n = 20", "every row and every gap", engines[:2]},
		{"no-index", rc, "UPDATE t SET n = 1 WHERE n = 20", "locks every row on the way", engines[:2]},
		{"no-index", rr, "DELETE FROM t", "no WHERE", engines[:2]},
		{"no-index", rr, "UPDATE t SET n = 1 WHERE id = 20", "", engines},
		{"no-index", rr, "SELECT * FROM t WHERE n = 20", "", engines},
		{"no-index", rr, "UPDATE t SET n = 1 WHERE n = 20", "", engines[2:]},

		{"gap-locks", rr, "UPDATE t SET n = 1 WHERE s = 20", "into index s of t", engines[:2]},
		{"gap-locks", rr, "SELECT * FROM t WHERE id > 40 FOR UPDATE", "after the last entry", engines[:2]},
		{"gap-locks", rc, "UPDATE t SET n = 1 WHERE s = 20", "", engines},

		{"wide-range", rr, "SELECT * FROM t FORCE INDEX (s) WHERE s BETWEEN 15 AND 25 FOR UPDATE", "1 rows match, and 2 entries", engines[:2]},
		{"wide-range", rr, "SELECT * FROM t FORCE INDEX (s) WHERE s > 35 FOR UPDATE", "the end of the index", engines[:2]},
		{"wide-range", rr, "SELECT * FROM t WHERE id = 20 FOR UPDATE", "", engines},

		{"secondary-first", rr, "UPDATE t SET n = 1 WHERE s = 20", "index s of t first", engines[:2]},
		{"secondary-first", rr, "UPDATE t SET n = 1 WHERE id = 20", "", engines},
		{"secondary-first", rr, "INSERT INTO t VALUES (35, 35, 35, 35)", "", engines},

		{"gap-then-insert", rr, "SELECT * FROM t WHERE id = 25 FOR UPDATE", "index PRIMARY before 30", engines[:2]},
		{"gap-then-insert", rr, "SELECT * FROM t WHERE id = 99 FOR UPDATE", "at the end", engines[:2]},
		{"gap-then-insert", rr, "SELECT * FROM t WHERE id = 20 FOR UPDATE", "", engines},
		{"gap-then-insert", rc, "SELECT * FROM t WHERE id = 25 FOR UPDATE", "", engines},

		{"serializable-reads", ser, "SELECT * FROM t WHERE id = 20", "FOR SHARE", engines[:2]},
		{"serializable-reads", ser, "SELECT * FROM t WHERE id = 20", "SIReadLock", engines[2:]},
		{"serializable-reads", rr, "SELECT * FROM t WHERE id = 20", "", engines},

		{"foreign-key", rr, "INSERT INTO c VALUES (1, 30)", "row 30 of the parent t", engines},
		{"foreign-key", rr, "INSERT INTO t VALUES (35, 35, 35, 35)", "", engines},

		{"conditional-update", rr, "SELECT * FROM t WHERE id = 20 FOR UPDATE", "num - n >= 0", engines},
		{"conditional-update", rr, "SELECT * FROM t WHERE id = 20 FOR UPDATE SKIP LOCKED", "", engines},
		{"conditional-update", rr, "UPDATE t SET n = n - 1 WHERE id = 20 AND n - 1 >= 0", "", engines},
	} {
		for _, engine := range test.on {
			t.Run(test.rule+"/"+engine, func(t *testing.T) {
				t.Parallel()
				d := newDatabase(t, engine, append(stockTable(engine), "CREATE TABLE c (id INT PRIMARY KEY, t_id INT NOT NULL, CONSTRAINT t_id FOREIGN KEY (t_id) REFERENCES t (id))")...)
				r := explain(t, d.open(t), test.statement, &sqlexplain.Options{Isolation: test.isolation, Reveal: strings.HasPrefix(test.statement, "INSERT")})
				at := slices.IndexFunc(r.Advice, func(a sqlexplain.Advice) bool { return a.Rule == test.rule })
				switch {
				case test.words == "" && at >= 0:
					t.Errorf("%s: %s, want no such advice", test.statement, r.Advice[at].Text)
				case test.words != "" && (at < 0 || !strings.Contains(r.Advice[at].Text, test.words)):
					t.Errorf("%s: advice %+v, want %s with %q", test.statement, r.Advice, test.rule, test.words)
				}
			})
		}
	}
}
