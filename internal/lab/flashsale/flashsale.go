// Package flashsale is the race for the last piece: many buyers, few pieces, one row
// of stock.
//
// What must hold at the end: there are not more orders than there were pieces, and
// the pieces that are left and the orders add up to the stock. Every strategy writes
// stock and order in one transaction, so that a crash alone loses nothing; what they
// differ in is how they get from the read to that write.
package flashsale

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/pawl-go/pawl/internal/lab"
)

// Scenario returns the flash sale with all its strategies, from the naive to the
// fenced.
func Scenario() *lab.Scenario {
	return &lab.Scenario{
		Name:  "flashsale",
		Line:  "many buyers, few pieces: who sells more than there is?",
		Words: lab.Words{Products: "products; a buyer wants one piece of one of them"},
		Strategies: []lab.Strategy{
			readThenWrite,
			decrement,
			processMutex,
			conditional,
			version,
			pawlLock,
			pawlFenced,
		},
		Prepare: prepare,
		Count:   count,
		Served:  served,
		Moral:   moral,
	}
}

// prepare makes the tables anew.
func prepare(ctx context.Context, db *lab.DB, setup lab.Setup) error {
	err := db.ExecAll(ctx,
		"DROP TABLE IF EXISTS pawl_lab_stock",
		"DROP TABLE IF EXISTS pawl_lab_orders",
		"CREATE TABLE pawl_lab_stock (id INTEGER PRIMARY KEY, num INTEGER NOT NULL, version INTEGER NOT NULL, fence BIGINT)",
		"CREATE TABLE pawl_lab_orders (id "+db.AutoKey()+", product INTEGER NOT NULL, buyer INTEGER NOT NULL)",
	)
	for product := 1; product <= setup.Products && err == nil; product++ {
		_, err = db.ExecContext(ctx, db.SQL("INSERT INTO pawl_lab_stock (id, num, version) VALUES (?, ?, 0)"), product, setup.Stock)
	}
	return err
}

// productOf returns what a buyer wants.
func productOf(env *lab.Env, buyer int) int { return buyer%env.Setup.Products + 1 }

func count(ctx context.Context, db *lab.DB, setup lab.Setup) (lab.Counts, error) {
	var c lab.Counts
	rows, err := db.QueryContext(ctx, "SELECT num, (SELECT COUNT(*) FROM pawl_lab_orders o WHERE o.product = s.id) FROM pawl_lab_stock s")
	if err != nil {
		return c, err
	}
	defer rows.Close()
	for rows.Next() {
		var left, sold int
		if err := rows.Scan(&left, &sold); err != nil {
			return c, err
		}
		drift := setup.Stock - left - sold
		c.Add(lab.Counts{Sold: sold, Left: left, Oversold: max(0, sold-setup.Stock), Drift: max(drift, -drift)})
	}
	return c, rows.Err()
}

func served(ctx context.Context, db *lab.DB, buyer int) (bool, error) {
	var n int
	err := db.QueryRowContext(ctx, db.SQL("SELECT COUNT(*) FROM pawl_lab_orders WHERE buyer = ?"), buyer).Scan(&n)
	return n > 0, err
}

// stock is what a buyer reads.
type stock struct{ num, version int }

func readStock(ctx context.Context, env *lab.Env, product int) (stock, error) {
	var s stock
	err := env.DB.QueryRowContext(ctx, env.DB.SQL("SELECT num, version FROM pawl_lab_stock WHERE id = ?"), product).
		Scan(&s.num, &s.version)
	return s, err
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
	return env.Tx(ctx, func(tx *sql.Tx) error {
		if err := take(tx); err != nil {
			return err
		}
		env.Failpoint(lab.InsideWrite)
		_, err := tx.ExecContext(ctx, env.DB.SQL("INSERT INTO pawl_lab_orders (product, buyer) VALUES (?, ?)"), productOf(env, buyer), buyer)
		return err
	})
}

// setNum writes an absolute number of pieces, as an ORM does that saves an object.
func setNum(ctx context.Context, env *lab.Env, product, num int) change {
	return func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, env.DB.SQL("UPDATE pawl_lab_stock SET num = ? WHERE id = ?"), num, product)
		return err
	}
}

// answer turns what sell returned into what the buyer is told.
func answer(err error) (lab.Answer, error) {
	if err != nil {
		return "", err
	}
	return lab.Bought, nil
}

// moral says what the step from a lock to a fenced lock has shown.
func moral(r *lab.Report) string {
	lock, ok := r.Find(pawlLock.Name, lab.Pause)
	if !ok || lock.Verdict != lab.Broken {
		return ""
	}
	text := "A lock alone cannot stop a holder that was paused past its lease from writing when it wakes."
	fenced, ok := r.Find(pawlFenced.Name, lab.Pause)
	if !ok || fenced.Verdict != lab.Safe {
		return text
	}
	return text + fmt.Sprintf(" The database can, when it compares fencing tokens: stale writes refused here: %d.", fenced.Refused)
}
