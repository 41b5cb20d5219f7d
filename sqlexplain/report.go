package sqlexplain

// Kind is what a lock covers.
type Kind string

// The kinds. A lock on the end of an index has the key ["supremum"] and covers only the
// gap before it, whatever its kind.
const (
	KindTable           Kind = "table"            // a table, or on PostgreSQL an index as a whole
	KindRecord          Kind = "record"           // one row or one index entry
	KindGap             Kind = "gap"              // the gap before an index entry; on PostgreSQL the gaps of an index page
	KindNextKey         Kind = "next-key"         // an index entry and the gap before it
	KindInsertIntention Kind = "insert-intention" // the wish to insert into a gap
)

// Supremum is the key of the end of an index.
const Supremum = "supremum"

// Lock is one lock that a transaction holds, or may wait on.
type Lock struct {
	// Table is the table's name, with its schema where that is not the connection's own.
	Table string `json:"table"`
	// Index is empty for a table lock and for a row lock of PostgreSQL, which is the
	// row's own and no index entry's.
	Index string `json:"index"`
	Kind  Kind   `json:"kind"`
	// Mode is IS, IX, S or X, or the engine's own name.
	Mode string `json:"mode"`
	// Key has the column values of the index entry in order, as strings; for a row of
	// PostgreSQL those of its primary key. An entry of a secondary index ends with the
	// columns of the primary key. It is empty for a table lock.
	Key []string `json:"key"`
	// By tells which statement took the lock: 1 is the first of Options.After, and one
	// more than their number is the statement itself.
	By int `json:"by"`
}

// Step is one table access of a statement's plan.
type Step struct {
	Table string `json:"table"`
	// Access is "full scan", "range", "lookup", "index", "insert", or the engine's own word.
	Access string `json:"access"`
	Index  string `json:"index"` // empty when none is used
	Rows   int64  `json:"rows"`  // the engine's estimate of the rows that are read
	Detail string `json:"detail,omitempty"`
}

// Advice is what follows from the locks.
type Advice struct {
	Rule string `json:"rule"` // a short name that stays the same
	Text string `json:"text"`
}

// Report is what [Server.Explain] has found.
type Report struct {
	Engine    string   `json:"engine"` // mysql, mariadb or postgresql
	Version   string   `json:"version"`
	Isolation string   `json:"isolation"`
	After     []string `json:"after,omitempty"`
	Statement string   `json:"statement"`
	// Executed is false when the statement was not run, since its plan reads more than
	// Options.MaxRows. There are no locks then.
	Executed bool   `json:"executed"`
	Plan     []Step `json:"plan"`
	// Locks are held until the end of the transaction, in the order taken as far as the
	// engine tells it.
	Locks []Lock `json:"locks"`
	// MayWaitOn are locked on the way and let go.
	MayWaitOn []Lock `json:"may_wait_on"`
	// RowsLocked is the engine's own count of row locks, which is right even where Locks
	// is cut. InnoDB counts an entry once for each index and mode.
	RowsLocked int64 `json:"rows_locked"`
	// Truncated says that Locks is not the whole list.
	Truncated bool     `json:"truncated"`
	Warnings  []string `json:"warnings,omitempty"`
	Advice    []Advice `json:"advice"`
}
