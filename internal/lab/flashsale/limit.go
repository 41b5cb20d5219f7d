package flashsale

import (
	"context"
	"database/sql"
	"errors"

	"github.com/pawl-go/pawl/internal/lab"
)

// visits is so many times more often than the limit allows a customer comes. Fewer would
// not often come at the same time; more would leave pieces unsold that nobody may have.
const visits = 4

// customers returns how many customers a product has. Without a limit, every buyer is
// one.
func customers(s lab.Setup) int {
	if s.Limit == 0 {
		return s.Buyers
	}
	return max(1, s.Buyers/(s.Products*visits*s.Limit))
}

// customerOf returns who it is that comes as a buyer: one of the customers of the product
// that the buyer wants.
func customerOf(s lab.Setup, buyer int) int { return buyer/s.Products%customers(s) + 1 }

// prepareLimit makes what the limit needs: an index for those who count a customer's
// orders, and a counter for each customer for those who cannot have others wait while
// they count.
func prepareLimit(ctx context.Context, db *lab.DB, setup lab.Setup) error {
	err := db.ExecAll(ctx,
		"CREATE INDEX pawl_lab_orders_customer ON pawl_lab_orders (product, customer)",
		"DROP TABLE IF EXISTS pawl_lab_customers",
		"CREATE TABLE pawl_lab_customers (product INTEGER NOT NULL, customer INTEGER NOT NULL, has INTEGER NOT NULL, PRIMARY KEY (product, customer))",
	)
	if err != nil {
		return err
	}
	return db.Tx(ctx, func(tx *sql.Tx) error {
		insert := db.SQL("INSERT INTO pawl_lab_customers (product, customer, has) VALUES (?, ?, 0)")
		for i := range setup.Products * customers(setup) {
			if _, err := tx.ExecContext(ctx, insert, i%setup.Products+1, i/setup.Products+1); err != nil {
				return err
			}
		}
		return nil
	})
}

// hasEnough reports whether the customer has as many as one may have. Somebody has to
// see to it that this stays true until the write.
func hasEnough(ctx context.Context, env *lab.Env, q querier, buyer int) (bool, error) {
	var n int
	err := q.QueryRowContext(ctx, env.DB.SQL("SELECT COUNT(*) FROM pawl_lab_orders WHERE product = ? AND customer = ?"),
		productOf(env.Setup, buyer), customerOf(env.Setup, buyer)).Scan(&n)
	return n >= env.Setup.Limit, err
}

// overLimit counts the pieces that customers have beyond the limit.
func overLimit(ctx context.Context, db *lab.DB, setup lab.Setup) (int, error) {
	var n int
	err := db.QueryRowContext(ctx, db.SQL("SELECT COALESCE(SUM(n - ?), 0) FROM "+
		"(SELECT COUNT(*) AS n FROM pawl_lab_orders GROUP BY product, customer HAVING COUNT(*) > ?) AS c"), setup.Limit, setup.Limit).Scan(&n)
	return n, err
}

// errOverLimit: the customer has as many as one may have.
var errOverLimit = errors.New("over the limit")

// countIn has the customer's own row say whether another piece is allowed, in one
// statement, as the stock row does. Customers do not wait for each other there.
func countIn(ctx context.Context, env *lab.Env, tx *sql.Tx, buyer int) error {
	if env.Setup.Limit == 0 {
		return nil
	}
	result, err := tx.ExecContext(ctx, env.DB.SQL("UPDATE pawl_lab_customers SET has = has + 1 WHERE product = ? AND customer = ? AND has < ?"),
		productOf(env.Setup, buyer), customerOf(env.Setup, buyer), env.Setup.Limit)
	if err = lab.OneRow(result, err); errors.Is(err, lab.ErrTooLate) {
		return errOverLimit
	}
	return err
}

// answerLimited is answer for those whose statements say no.
func answerLimited(err error) (lab.Answer, error) {
	switch {
	case errors.Is(err, errOverLimit):
		return lab.OverLimit, nil
	case errors.Is(err, lab.ErrTooLate):
		return lab.SoldOut, nil
	}
	return lab.Told(err)
}
