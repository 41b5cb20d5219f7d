package sqlexplain

// conditionalUpdate: a condition that would do without a lock.
func conditionalUpdate(f facts) string {
	if f.statement.verb() != "SELECT" || !f.statement.has("FOR", "UPDATE") || f.statement.has("SKIP", "LOCKED") {
		return ""
	}
	return "If the rows are read only to be checked and then changed, one statement does both without a lock between them: " +
		"UPDATE ... SET num = num - n WHERE id = ... AND num - n >= 0. It changes no row when there is not enough left, and its row count tells."
}
