package flashsale

import (
	"context"
	"database/sql"

	"github.com/pawl-go/pawl/internal/lab"
)

// prepare makes the tables anew.
func prepare(ctx context.Context, db *lab.DB, setup lab.Setup) error {
	err := db.ExecAll(ctx,
		"DROP TABLE IF EXISTS pawl_lab_stock",
		"DROP TABLE IF EXISTS pawl_lab_orders",
		// A product has one row, whose id is its own; with the strategy segments it has more.
		"CREATE TABLE pawl_lab_stock (id INTEGER PRIMARY KEY, product INTEGER NOT NULL, num INTEGER NOT NULL, "+
			"version INTEGER NOT NULL, changed BIGINT NOT NULL, fence BIGINT)",
		"CREATE TABLE pawl_lab_orders (id "+db.AutoKey()+", product INTEGER NOT NULL, buyer INTEGER NOT NULL, customer INTEGER NOT NULL)",
	)
	for product := 1; product <= setup.Products && err == nil; product++ {
		err = addStock(ctx, db, product, product, setup.Stock)
	}
	if err != nil || setup.Limit == 0 {
		return err
	}
	return prepareLimit(ctx, db, setup)
}

// addStock adds a row with num pieces of a product.
func addStock(ctx context.Context, db *lab.DB, id, product, num int) error {
	_, err := db.ExecContext(ctx, db.SQL("INSERT INTO pawl_lab_stock (id, product, num, version, changed) VALUES (?, ?, ?, 0, 0)"), id, product, num)
	return err
}

// productOf returns what a buyer wants.
func productOf(s lab.Setup, buyer int) int { return buyer%s.Products + 1 }

func count(ctx context.Context, db *lab.DB, setup lab.Setup) (lab.Counts, error) {
	var c lab.Counts
	rows, err := db.QueryContext(ctx, "SELECT s.product, SUM(s.num), (SELECT COUNT(*) FROM pawl_lab_orders o WHERE o.product = s.product) "+
		"FROM pawl_lab_stock s GROUP BY s.product")
	if err != nil {
		return c, err
	}
	defer rows.Close()
	for rows.Next() {
		var product, left, sold int
		if err := rows.Scan(&product, &left, &sold); err != nil {
			return c, err
		}
		drift := setup.Stock - left - sold
		c.Add(lab.Counts{Sold: sold, Left: left, Oversold: max(0, sold-setup.Stock), Drift: max(drift, -drift)})
	}
	if err := rows.Err(); err != nil || setup.Limit == 0 {
		return c, err
	}
	c.Doubled, err = overLimit(ctx, db, setup)
	return c, err
}

// stock is what a buyer reads.
type stock struct {
	num, version int
	changed      int64
	full         bool // the customer has as many as one may have
}

// refusal returns why the buyer cannot have a piece, or "".
func (s stock) refusal() lab.Answer {
	switch {
	case s.num <= 0:
		return lab.SoldOut
	case s.full:
		return lab.OverLimit
	}
	return ""
}

// querier is a database or a transaction.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func readStock(ctx context.Context, env *lab.Env, buyer int) (stock, error) {
	return look(ctx, env, env.DB, buyer, "")
}

// look reads what there is for a buyer. lock is what the read of the stock row says
// besides, such as FOR UPDATE. The orders are read after that, so that a lock on the row,
// or its version, speaks for them as well.
func look(ctx context.Context, env *lab.Env, q querier, buyer int, lock string) (stock, error) {
	var s stock
	err := q.QueryRowContext(ctx, env.DB.SQL("SELECT num, version, changed FROM pawl_lab_stock WHERE id = ?"+lock), productOf(env.Setup, buyer)).
		Scan(&s.num, &s.version, &s.changed)
	if err != nil || env.Setup.Limit == 0 {
		return s, err
	}
	s.full, err = hasEnough(ctx, env, q, buyer)
	return s, err
}

// unlessSoldOut has the buyer look at the page before standing in any line: most come when
// all is sold, and a shop does not have them wait to be told so.
func unlessSoldOut(env *lab.Env, serve lab.Serve) lab.Serve {
	return func(ctx context.Context, buyer int) (lab.Answer, error) {
		s, err := readStock(ctx, env, buyer)
		if no := s.refusal(); err != nil || no != "" {
			return no, err
		}
		return serve(ctx, buyer)
	}
}

// races is what comes of those who decide by an old number.
func races(s lab.Setup) lab.Outcome {
	if s.Buyers > s.Stock*s.Products {
		return lab.Oversells
	}
	return lab.LosesUpdates
}

// change is what a strategy does to the stock row, inside a transaction.
type change func(tx *sql.Tx) error

// sell changes the stock and writes the order, both or neither.
func sell(ctx context.Context, env *lab.Env, buyer int, take change) error {
	return env.Tx(ctx, func(tx *sql.Tx) error { return write(ctx, env, tx, buyer, take) })
}

// write is sell in a transaction that has begun.
func write(ctx context.Context, env *lab.Env, tx *sql.Tx, buyer int, take change) error {
	if err := take(tx); err != nil {
		return err
	}
	env.Failpoint(ctx, lab.InsideWrite)
	_, err := tx.ExecContext(ctx, env.DB.SQL("INSERT INTO pawl_lab_orders (product, buyer, customer) VALUES (?, ?, ?)"),
		productOf(env.Setup, buyer), buyer, customerOf(env.Setup, buyer))
	return err
}

// setNum writes an absolute number of pieces, as an ORM does that saves an object.
func setNum(ctx context.Context, env *lab.Env, product, num int) change {
	return func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, env.DB.SQL("UPDATE pawl_lab_stock SET num = ? WHERE id = ?"), num, product)
		return err
	}
}
