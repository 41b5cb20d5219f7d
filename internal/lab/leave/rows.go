package leave

import (
	"context"
	"database/sql"

	"github.com/pawl-go/pawl/internal/lab"
)

// prepare makes the tables anew.
func prepare(ctx context.Context, db *lab.DB, setup lab.Setup) error {
	err := db.ExecAll(ctx,
		"DROP TABLE IF EXISTS pawl_lab_balances",
		"DROP TABLE IF EXISTS pawl_lab_leave",
		"CREATE TABLE pawl_lab_balances (employee INTEGER PRIMARY KEY, days INTEGER NOT NULL, version INTEGER NOT NULL, fence BIGINT)",
		"CREATE TABLE pawl_lab_leave (id "+db.AutoKey()+", request INTEGER NOT NULL, employee INTEGER NOT NULL, days INTEGER NOT NULL)",
	)
	for employee := 1; employee <= setup.Products && err == nil; employee++ {
		_, err = db.ExecContext(ctx, db.SQL("INSERT INTO pawl_lab_balances (employee, days, version) VALUES (?, ?, 0)"), employee, setup.Stock)
	}
	return err
}

func count(ctx context.Context, db *lab.DB, setup lab.Setup) (lab.Counts, error) {
	var c lab.Counts
	rows, err := db.QueryContext(ctx, "SELECT b.days, "+
		"(SELECT COALESCE(SUM(l.days), 0) FROM pawl_lab_leave l WHERE l.employee = b.employee), "+
		"(SELECT COUNT(*) FROM pawl_lab_leave l WHERE l.employee = b.employee) FROM pawl_lab_balances b")
	if err != nil {
		return c, err
	}
	defer rows.Close()
	for rows.Next() {
		var left, taken, approvals int
		if err := rows.Scan(&left, &taken, &approvals); err != nil {
			return c, err
		}
		drift := setup.Stock - left - taken
		c.Add(lab.Counts{
			Sold: approvals, Left: left, Drift: max(drift, -drift),
			Oversold: max(0, taken-setup.Stock, -left),
		})
	}
	return c, rows.Err()
}

// balance is what an approval reads.
type balance struct{ days, version int }

// readBalance reads an employee's balance. lock is what the SELECT says besides.
func readBalance(ctx context.Context, env *lab.Env, q lab.Querier, employee int, lock string) (balance, error) {
	var b balance
	err := q.QueryRowContext(ctx, env.DB.SQL("SELECT days, version FROM pawl_lab_balances WHERE employee = ?"+lock), employee).
		Scan(&b.days, &b.version)
	return b, err
}

// change is what a strategy does to the balance, inside a transaction.
type change func(tx *sql.Tx) error

// take changes the balance and writes the leave, both or neither.
func take(ctx context.Context, env *lab.Env, r request, deduct change) error {
	return env.Tx(ctx, func(tx *sql.Tx) error { return write(ctx, env, tx, r, deduct) })
}

// write is take in a transaction that has begun.
func write(ctx context.Context, env *lab.Env, tx *sql.Tx, r request, deduct change) error {
	if err := deduct(tx); err != nil {
		return err
	}
	env.Failpoint(ctx, lab.InsideWrite)
	_, err := tx.ExecContext(ctx, env.DB.SQL("INSERT INTO pawl_lab_leave (request, employee, days) VALUES (?, ?, ?)"), r.number, r.employee, r.days)
	return err
}

// setDays writes an absolute number of days, as an ORM does that saves an object.
func setDays(ctx context.Context, env *lab.Env, r request, days int) change {
	return func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, env.DB.SQL("UPDATE pawl_lab_balances SET days = ? WHERE employee = ?"), days, r.employee)
		return err
	}
}
