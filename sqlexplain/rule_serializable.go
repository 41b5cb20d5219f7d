package sqlexplain

// serializableReads: SERIALIZABLE turning reads into locks.
func serializableReads(f facts) string {
	if f.Isolation != "serializable" || f.statement.verb() != "SELECT" || f.statement.locking() {
		return ""
	}
	for _, l := range f.own() {
		switch {
		case l.Mode == "SIReadLock":
			return "SERIALIZABLE keeps a note (SIReadLock) of what a plain SELECT has read. It blocks nobody, but one of two transactions that have read what the other wrote fails with a serialization error: be ready to run it again."
		case f.innodb && (l.Mode == "S" || l.Mode == "IS"):
			return "SERIALIZABLE turns a plain SELECT into one FOR SHARE: it blocks writers of the rows that it reads, and two transactions that read a row and then write it deadlock. A single SELECT in autocommit takes no locks; REPEATABLE READ reads a snapshot without any."
		}
	}
	return ""
}
