package deadlocks

// setUp makes the table. Rows 1 and 4 are what the sessions meet on; 2 and 3 stand between
// them in the order of column a and of column b.
var setUp = []string{
	"CREATE TABLE " + Table + " (id INT PRIMARY KEY, a INT NOT NULL, b INT NOT NULL, num INT NOT NULL)",
	"CREATE INDEX pawl_deadlock_a ON " + Table + " (a)",
	"CREATE INDEX pawl_deadlock_b ON " + Table + " (b)",
	"INSERT INTO " + Table + " VALUES (1, 1, 3, 0), (2, 2, 9, 0), (3, 9, 2, 0), (4, 3, 1, 0), (100, 99, 99, 0)",
}

const (
	first  = 0
	second = 1
	third  = 2
)

func all(engine string) []Kind {
	share, byA, byB := "LOCK IN SHARE MODE", "FORCE INDEX (pawl_deadlock_a) ", "FORCE INDEX (pawl_deadlock_b) "
	if engine == "postgresql" {
		share, byA, byB = "FOR SHARE", "", ""
	}
	return []Kind{
		{Name: "opposite-order", Line: "two transactions change the same two rows, one first the one, the other first the other",
			steps: []step{
				{first, "UPDATE pawl_deadlock SET num = num + 1 WHERE id = 1", false},
				{second, "UPDATE pawl_deadlock SET num = num + 1 WHERE id = 4", false},
				{first, "UPDATE pawl_deadlock SET num = num + 1 WHERE id = 4", true},
				{second, "UPDATE pawl_deadlock SET num = num + 1 WHERE id = 1", true},
			}},
		{Name: "two-secondary-indexes", Line: "two single statements meet the same rows by two indexes, whose orders differ",
			// The third session holds a row in the way of each, so that each has just its
			// first row, and lets both go.
			steps: []step{
				{third, "UPDATE pawl_deadlock SET num = num + 1 WHERE id IN (2, 3)", false},
				{first, "UPDATE pawl_deadlock " + byA + "SET num = num + 1 WHERE a BETWEEN 1 AND 3", true},
				{second, "UPDATE pawl_deadlock " + byB + "SET num = num + 1 WHERE b BETWEEN 1 AND 3", true},
				{third, "ROLLBACK", false},
			}},
		{Name: "gap-then-insert", Line: "two transactions ask for a row that is missing, FOR UPDATE, and then both insert it",
			innodbOnly: true,
			steps: []step{
				{first, "SELECT * FROM pawl_deadlock WHERE id = 50 FOR UPDATE", false},
				{second, "SELECT * FROM pawl_deadlock WHERE id = 50 FOR UPDATE", false},
				{first, "INSERT INTO pawl_deadlock VALUES (50, 50, 50, 0)", true},
				{second, "INSERT INTO pawl_deadlock VALUES (50, 50, 50, 0)", true},
			}},
		{Name: "several-inserts", Line: "three transactions insert one unique key, and the first one rolls back",
			innodbOnly: true,
			steps: []step{
				{third, "INSERT INTO pawl_deadlock VALUES (60, 60, 60, 0)", false},
				{first, "INSERT INTO pawl_deadlock VALUES (60, 60, 60, 0)", true},
				{second, "INSERT INTO pawl_deadlock VALUES (60, 60, 60, 0)", true},
				{third, "ROLLBACK", false},
			}},
		{Name: "shared-then-exclusive", Line: "two transactions read a row with a shared lock, and then both change it",
			steps: []step{
				{first, "SELECT * FROM pawl_deadlock WHERE id = 1 " + share, false},
				{second, "SELECT * FROM pawl_deadlock WHERE id = 1 " + share, false},
				{first, "UPDATE pawl_deadlock SET num = num + 1 WHERE id = 1", true},
				{second, "UPDATE pawl_deadlock SET num = num + 1 WHERE id = 1", true},
			}},
	}
}
