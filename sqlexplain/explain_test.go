package sqlexplain_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-go/pawl/sqlexplain"
)

// TestLocks: the locks of a range, in the order taken, on each engine.
func TestLocks(t *testing.T) {
	innodb := []string{"t. table IX", "t.s next-key X 20,20", "t.s next-key X 30,30", "t.PRIMARY record X 20", "t.PRIMARY record X 30"}
	want := map[string][]string{
		"mysql": innodb, "mariadb": innodb,
		"postgresql": {"t. table RowExclusiveLock", "t.s table RowExclusiveLock", "t.t_pkey table RowExclusiveLock",
			"t.u table RowExclusiveLock", "t. record FOR NO KEY UPDATE 20"},
	}
	onEngines(t, func(t *testing.T, engine string) {
		d := newDatabase(t, engine, stockTable(engine)...)
		r := explain(t, d.open(t), "UPDATE t SET n = 1 WHERE s BETWEEN 15 AND 25", &sqlexplain.Options{Isolation: "repeatable-read"})
		var got []string
		for _, l := range r.Locks {
			got = append(got, text(l))
		}
		if diff := cmp.Diff(want[engine], got); diff != "" {
			t.Error(diff)
		}
		if r.Engine != engine || r.Version == "" || r.Isolation != "repeatable-read" || r.RowsLocked != int64(map[bool]int{true: 1, false: 4}[engine == "postgresql"]) {
			t.Errorf("report %+v", r)
		}
		nothingLeft(t, d, engine)
	})
}

// nothingLeft: the rows are as they were.
func nothingLeft(t *testing.T, d *database, _ string) {
	t.Helper()
	var rows, sum int
	if err := d.db.QueryRowContext(t.Context(), "SELECT COUNT(*), SUM(n) FROM t").Scan(&rows, &sum); err != nil {
		t.Fatal(err)
	}
	if rows != 4 || sum != 100 {
		t.Errorf("%d rows with the sum %d, want 4 with 100: something was committed", rows, sum)
	}
}
