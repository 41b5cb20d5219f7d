package rowlock

import "context"

// Forget empties what is remembered of the catalogues.
func Forget() { tables.Clear() }

// QueryOne reads one row through db, as the package does.
func QueryOne(ctx context.Context, db Conn, query string, into ...any) error {
	c, err := open(db)
	if err != nil {
		return err
	}
	return c.one(ctx, query, nil, into...)
}

// Quote returns name as an identifier.
func Quote(d Dialect, name string) string { return d.quote(name) }

// Identifies refuses a key that is not unique.
func Identifies(ctx context.Context, db Conn, row Row) error {
	c, err := open(db)
	if err != nil {
		return err
	}
	return c.checkTable(ctx, row, nil, (*table).identifies)
}
