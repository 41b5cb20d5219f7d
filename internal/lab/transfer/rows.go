package transfer

import (
	"context"
	"database/sql"

	"github.com/pawl-go/pawl/internal/lab"
)

// prepare makes the tables anew.
func prepare(ctx context.Context, db *lab.DB, setup lab.Setup) error {
	err := db.ExecAll(ctx,
		"DROP TABLE IF EXISTS pawl_lab_accounts",
		"DROP TABLE IF EXISTS pawl_lab_transfers",
		"CREATE TABLE pawl_lab_accounts (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL)",
		"CREATE TABLE pawl_lab_transfers (id "+db.AutoKey()+", number INTEGER NOT NULL, source INTEGER NOT NULL, target INTEGER NOT NULL, amount INTEGER NOT NULL)",
	)
	for account := 1; account <= 2*setup.Products && err == nil; account++ {
		_, err = db.ExecContext(ctx, db.SQL("INSERT INTO pawl_lab_accounts (id, balance) VALUES (?, ?)"), account, setup.Stock)
	}
	return err
}

// count compares each account with the transfers. The sum alone would not show an update
// that was lost on both sides of a transfer.
func count(ctx context.Context, db *lab.DB, setup lab.Setup) (lab.Counts, error) {
	var c lab.Counts
	rows, err := db.QueryContext(ctx, "SELECT a.balance, "+
		"(SELECT COALESCE(SUM(amount), 0) FROM pawl_lab_transfers t WHERE t.source = a.id), "+
		"(SELECT COALESCE(SUM(amount), 0) FROM pawl_lab_transfers t WHERE t.target = a.id), "+
		"(SELECT COUNT(*) FROM pawl_lab_transfers t WHERE t.source = a.id) FROM pawl_lab_accounts a")
	if err != nil {
		return c, err
	}
	defer rows.Close()
	for rows.Next() {
		var balance, out, in, transfers int
		if err := rows.Scan(&balance, &out, &in, &transfers); err != nil {
			return c, err
		}
		drift := setup.Stock - out + in - balance
		// Nothing is used up, so nothing is left.
		c.Add(lab.Counts{Sold: transfers, Drift: max(drift, -drift), Oversold: max(0, -balance)})
	}
	return c, rows.Err()
}

// readBalance reads an account. lock is what the SELECT says besides.
func readBalance(ctx context.Context, env *lab.Env, q lab.Querier, account int, lock string) (int, error) {
	var balance int
	err := q.QueryRowContext(ctx, env.DB.SQL("SELECT balance FROM pawl_lab_accounts WHERE id = ?"+lock), account).Scan(&balance)
	return balance, err
}

// write writes the new balances of an order and the order, in a transaction. It writes the
// smaller account first: what a strategy does about the order of locks is not to depend on
// that.
func write(ctx context.Context, env *lab.Env, tx *sql.Tx, o order, from, to int) error {
	rows := [2][2]int{{o.from, from - o.amount}, {o.to, to + o.amount}}
	if o.from > o.to {
		rows[0], rows[1] = rows[1], rows[0]
	}
	for i, row := range rows {
		if i == 1 {
			env.Failpoint(ctx, lab.InsideWrite)
		}
		if _, err := tx.ExecContext(ctx, env.DB.SQL("UPDATE pawl_lab_accounts SET balance = ? WHERE id = ?"), row[1], row[0]); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, env.DB.SQL("INSERT INTO pawl_lab_transfers (number, source, target, amount) VALUES (?, ?, ?, ?)"),
		o.number, o.from, o.to, o.amount)
	return err
}
