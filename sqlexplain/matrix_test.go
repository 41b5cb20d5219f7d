package sqlexplain_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-go/pawl/sqlexplain"
)

// matrixPage is the page that TestMatrix checks, and writes when matrixEnv is "write".
const (
	matrixPage = "../docs/locking.md"
	matrixEnv  = "PAWL_DOCS"
)

// matrixCase is a row of the matrix. FORCE stands for the engine's way to use an index.
type matrixCase struct{ name, statement string }

// matrixCases are isolation x kind of index x hit, miss and range, and then writes. A
// table of four rows needs the index named, or the planner would read it whole.
func matrixCases() []matrixCase {
	var cases []matrixCase
	for _, index := range []struct{ name, column, force string }{
		{"primary", "id", "PRIMARY"}, {"unique", "u", "u"}, {"secondary", "s", "s"}, {"none", "n", ""},
	} {
		force := ""
		if index.force != "" {
			force = "FORCE INDEX (" + index.force + ") "
		}
		for _, search := range []struct{ name, condition string }{
			{"hit", "= 20"}, {"miss", "= 25"}, {"range", "BETWEEN 15 AND 25"}, {"end", "> 40"},
		} {
			cases = append(cases, matrixCase{index.name + ", " + search.name,
				fmt.Sprintf("SELECT * FROM t %sWHERE %s %s FOR UPDATE", force, index.column, search.condition)})
		}
	}
	return append(cases,
		matrixCase{"plain read", "SELECT * FROM t FORCE INDEX (s) WHERE s = 20"},
		matrixCase{"update by primary", "UPDATE t SET n = 21 WHERE id = 20"},
		matrixCase{"update by secondary", "UPDATE t FORCE INDEX (s) SET n = 21 WHERE s = 20"},
		matrixCase{"update by none", "UPDATE t SET n = 21 WHERE n = 20"},
		matrixCase{"delete by none", "DELETE FROM t WHERE n = 20"},
		matrixCase{"insert", "INSERT INTO t VALUES (35, 35, 35, 35)"},
		matrixCase{"insert, key is there", "INSERT INTO t VALUES (20, 35, 35, 35)"},
		matrixCase{"insert, unique is there", "INSERT INTO t VALUES (35, 20, 35, 35)"},
		matrixCase{"child of a foreign key", "INSERT INTO c VALUES (1, 30)"},
	)
}

var levels = []string{"read-committed", "repeatable-read", "serializable"}

// TestMatrix explains every case at every level on every engine, and compares docs/locking.md
// with the outcome.
func TestMatrix(t *testing.T) {
	t.Parallel()
	page, sections := matrixHead, make([]string, len(engines))
	t.Run("engines", func(t *testing.T) {
		for i, engine := range engines {
			t.Run(engine, func(t *testing.T) {
				t.Parallel()
				sections[i] = matrixOf(t, engine)
			})
		}
	})
	for _, section := range sections {
		page += section
	}
	if t.Failed() {
		return
	}
	if os.Getenv(matrixEnv) == "write" {
		if err := os.WriteFile(matrixPage, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(matrixPage)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(have), page); diff != "" {
		t.Errorf("%s differs from what the servers do (-page +servers); \"make docs\" writes it anew\n%s", matrixPage, diff)
	}
}

// matrixOf returns the section of one engine.
func matrixOf(t *testing.T, engine string) string {
	t.Helper()
	d := newDatabase(t, engine, append(stockTable(engine), "CREATE TABLE c (id INT PRIMARY KEY, t_id INT NOT NULL, CONSTRAINT t_id FOREIGN KEY (t_id) REFERENCES t (id))")...)
	if engine == "postgresql" {
		exec(t, d.db, "ALTER DATABASE "+d.name()+" SET enable_seqscan = off", "ALTER DATABASE "+d.name()+" SET enable_bitmapscan = off")
	}
	s := d.open(t)
	var b strings.Builder
	parts := 2 // a release of MySQL and MariaDB has two numbers, one of PostgreSQL one
	if engine == "postgresql" {
		parts = 1
	}
	version := strings.Join(strings.SplitN(s.Version(), ".", 3)[:parts], ".")
	title := map[string]string{"mysql": "MySQL", "mariadb": "MariaDB", "postgresql": "PostgreSQL"}[engine]
	fmt.Fprintf(&b, "\n## %s %s\n\n| case | %s |\n| --- | --- | --- | --- |\n", title, version, strings.Join(levels, " | "))
	for _, c := range matrixCases() {
		fmt.Fprintf(&b, "| %s |", c.name)
		for _, level := range levels {
			fmt.Fprintf(&b, " %s |", cell(t, s, engine, c, level))
		}
		b.WriteString("\n")
	}
	nothingLeft(t, d, engine)
	return b.String()
}

// cell explains one case.
func cell(t *testing.T, s *sqlexplain.Server, engine string, c matrixCase, level string) string {
	t.Helper()
	statement := c.statement
	if before, after, ok := strings.Cut(statement, "FORCE INDEX"); ok && engine == "postgresql" {
		_, after, _ = strings.Cut(after, ") ")
		statement = before + after
	}
	r, err := s.Explain(t.Context(), statement, &sqlexplain.Options{Isolation: level, Reveal: true})
	if err != nil {
		if engine == "postgresql" && strings.Contains(err.Error(), "23505") {
			return "fails, and keeps nothing"
		}
		t.Fatalf("%s at %s: %v", c.name, level, err)
	}
	if r.Truncated {
		t.Errorf("%s at %s on %s: the list is cut", c.name, level, engine)
	}
	text := byPlace(r.Locks)
	if len(r.MayWaitOn) > 0 {
		text += "<br>*on the way:* " + byPlace(r.MayWaitOn)
	}
	return text
}

// byPlace lists locks by table and index. Table locks of PostgreSQL's indexes follow from
// that of the table and are left out.
func byPlace(locks []sqlexplain.Lock) string {
	var places []string
	at := make(map[string][]string)
	for _, l := range locks {
		if l.Kind == sqlexplain.KindTable && l.Index != "" {
			continue
		}
		place := l.Table
		if l.Index != "" {
			place += "." + l.Index
		}
		text := fmt.Sprintf("%s %s %s", l.Kind, l.Mode, strings.Join(l.Key, "/"))
		if l.Kind == sqlexplain.KindTable {
			text = l.Mode
		}
		if !slices.Contains(places, place) {
			places = append(places, place)
		}
		at[place] = append(at[place], strings.TrimSpace(text))
	}
	for i, place := range places {
		places[i] = "**" + place + "** " + strings.Join(at[place], ", ")
	}
	if len(places) == 0 {
		return "nothing"
	}
	return strings.Join(places, "<br>")
}

const matrixHead = `# Which locks a statement takes

This page is measured, not written: ` + "`make docs`" + ` runs every statement below on real servers with package
sqlexplain and writes down which locks they had afterwards. A test fails when a server does something else.

The table is ` + "`t (id PRIMARY KEY, u UNIQUE, s` with an index, `n` without)`" + `, and has four rows: 10, 20, 30 and 40 in each column. *hit* is
` + "`WHERE column = 20 FOR UPDATE`" + `, *miss* ` + "`= 25`" + `, *range* ` + "`BETWEEN 15 AND 25`" + `, *end* ` + "`> 40`" + `, each by the index named (FORCE INDEX, or enable_seqscan = off on PostgreSQL). The
inserts show the locks of the fresh entries too, which InnoDB keeps implicit until somebody asks for them (` + "`--reveal`" + `).

A key is the values of the index entry; one of a secondary index ends with the primary key. *next-key* is the entry and the gap
before it, *gap* the gap alone, *record* the entry alone, ` + "`supremum`" + ` the end of the index. *on the way* is what
is locked and let go again: a statement may wait on it. PostgreSQL's row locks are the rows' own and have no index; its
SIReadLock blocks nobody. The table locks of its indexes, which are those of their table, are left out.
`
