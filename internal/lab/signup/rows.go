package signup

import (
	"context"
	"database/sql"
	"errors"

	"github.com/pawl-go/pawl/internal/lab"
)

// prepare makes the tables anew. The index is not unique: with most strategies, nothing but
// they themselves sees to that.
func prepare(ctx context.Context, db *lab.DB, _ lab.Setup) error {
	return db.ExecAll(ctx,
		"DROP TABLE IF EXISTS pawl_lab_users",
		"DROP TABLE IF EXISTS pawl_lab_submits",
		"CREATE TABLE pawl_lab_users (id "+db.AutoKey()+", account INTEGER NOT NULL, submit INTEGER NOT NULL)",
		"CREATE INDEX pawl_lab_users_account ON pawl_lab_users (account)",
		"CREATE TABLE pawl_lab_submits (id "+db.AutoKey()+", submit INTEGER NOT NULL, account INTEGER NOT NULL)",
	)
}

// count counts rows beyond one for an account, and accounts that somebody was told of and
// that are not there. Left are accounts that nobody has got.
func count(ctx context.Context, db *lab.DB, setup lab.Setup) (lab.Counts, error) {
	var c lab.Counts
	var users, accounts int
	err := db.QueryRowContext(ctx, "SELECT COUNT(*), COUNT(DISTINCT account), (SELECT COUNT(*) FROM pawl_lab_submits), "+
		"(SELECT COUNT(DISTINCT account) FROM pawl_lab_submits WHERE account NOT IN (SELECT account FROM pawl_lab_users)) FROM pawl_lab_users").
		Scan(&users, &accounts, &c.Sold, &c.Drift)
	c.Doubled, c.Left = users-accounts, min(setup.Stock, setup.Buyers)-accounts
	return c, err
}

// find returns the id of the account's row, or 0. lock is what the SELECT says besides.
func find(ctx context.Context, env *lab.Env, q lab.Querier, account int, lock string) (int64, error) {
	var id int64
	err := q.QueryRowContext(ctx, env.DB.SQL("SELECT id FROM pawl_lab_users WHERE account = ? LIMIT 1"+lock), account).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return id, err
}

// put updates the row that was found, or inserts one, and notes the submit: both or
// neither.
func put(ctx context.Context, env *lab.Env, submit int, found int64) error {
	return env.Tx(ctx, func(tx *sql.Tx) error { return write(ctx, env, tx, submit, found) })
}

// write is put in a transaction that has begun.
func write(ctx context.Context, env *lab.Env, tx *sql.Tx, submit int, found int64) error {
	query, args := "INSERT INTO pawl_lab_users (submit, account) VALUES (?, ?)", []any{submit, accountOf(env.Setup, submit)}
	if found > 0 {
		query, args = "UPDATE pawl_lab_users SET submit = ? WHERE id = ?", []any{submit, found}
	}
	if _, err := tx.ExecContext(ctx, env.DB.SQL(query), args...); err != nil {
		return err
	}
	return note(ctx, env, tx, submit)
}

// note writes that the submit was done.
func note(ctx context.Context, env *lab.Env, tx *sql.Tx, submit int) error {
	env.Failpoint(ctx, lab.InsideWrite)
	_, err := tx.ExecContext(ctx, env.DB.SQL("INSERT INTO pawl_lab_submits (submit, account) VALUES (?, ?)"), submit, accountOf(env.Setup, submit))
	return err
}
