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

// product is the one that is sold.
const product = 1

// Scenario returns the flash sale with all its strategies, from the naive to the
// fenced.
func Scenario() *lab.Scenario {
	return &lab.Scenario{
		Name: "flashsale",
		Line: "many buyers, few pieces: who sells more than there is?",
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
	for _, query := range []string{
		"DROP TABLE IF EXISTS pawl_lab_stock",
		"DROP TABLE IF EXISTS pawl_lab_orders",
		"CREATE TABLE pawl_lab_stock (id INTEGER PRIMARY KEY, num INTEGER NOT NULL, version INTEGER NOT NULL, fence BIGINT)",
		"CREATE TABLE pawl_lab_orders (id INTEGER PRIMARY KEY, buyer INTEGER NOT NULL)",
	} {
		if _, err := db.ExecContext(ctx, query); err != nil {
			return err
		}
	}
	_, err := db.ExecContext(ctx, db.SQL("INSERT INTO pawl_lab_stock (id, num, version) VALUES (?, ?, 0)"), product, setup.Stock)
	return err
}

func count(ctx context.Context, db *lab.DB, _ lab.Setup) (lab.Counts, error) {
	var c lab.Counts
	err := db.QueryRowContext(ctx, db.SQL("SELECT num, (SELECT COUNT(*) FROM pawl_lab_orders) FROM pawl_lab_stock WHERE id = ?"), product).
		Scan(&c.Left, &c.Sold)
	return c, err
}

func served(ctx context.Context, db *lab.DB, buyer int) (bool, error) {
	var n int
	err := db.QueryRowContext(ctx, db.SQL("SELECT COUNT(*) FROM pawl_lab_orders WHERE buyer = ?"), buyer).Scan(&n)
	return n > 0, err
}

// stock is what a buyer reads.
type stock struct{ num, version int }

func readStock(ctx context.Context, env *lab.Env) (stock, error) {
	var s stock
	err := env.DB.QueryRowContext(ctx, env.DB.SQL("SELECT num, version FROM pawl_lab_stock WHERE id = ?"), product).
		Scan(&s.num, &s.version)
	return s, err
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
		_, err := tx.ExecContext(ctx, env.DB.SQL("INSERT INTO pawl_lab_orders (buyer) VALUES (?)"), buyer)
		return err
	})
}

// setNum writes an absolute number of pieces, as an ORM does that saves an object.
func setNum(ctx context.Context, env *lab.Env, num int) change {
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
