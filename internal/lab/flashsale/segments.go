package flashsale

import (
	"context"
	"errors"

	"github.com/pawl-go/pawl/internal/lab"
)

// segmentCount is the number of rows that the stock of a product is split into: some
// times fewer than there are buyers at once, so that few are empty early, and enough that
// two buyers seldom meet at one.
const segmentCount = 16

var segments = lab.Strategy{
	Name: "segments",
	Line: "the stock split into 16 rows, each taken from as in conditional",
	Why: "The database locks rows, so sixteen rows sell to sixteen buyers at once. A buyer whose row is empty goes to the " +
		"next one. It does nothing where the database has one lock for all writers, as SQLite does.",
	Prepare: prepareSegments,
	Expect:  func(lab.Setup) lab.Outcome { return lab.Holds },
	New: func(env *lab.Env) lab.Serve {
		return func(ctx context.Context, buyer int) (lab.Answer, error) {
			return buySegment(ctx, env, buyer)
		}
	},
}

// prepareSegments splits the stock of each product into rows. The first keeps the
// product's number as its id.
func prepareSegments(ctx context.Context, db *lab.DB, setup lab.Setup) error {
	err := db.ExecAll(ctx, "DELETE FROM pawl_lab_stock", "CREATE INDEX pawl_lab_stock_product ON pawl_lab_stock (product)")
	for row := 0; row < segmentCount*setup.Products && err == nil; row++ {
		segment, product := row/setup.Products, row%setup.Products+1
		num := setup.Stock / segmentCount
		if segment < setup.Stock%segmentCount {
			num++
		}
		err = addStock(ctx, db, row+1, product, num)
	}
	return err
}

// buySegment tries the rows that had pieces when the buyer looked, beginning with another
// one than the next buyer does. Who finds them all empty looks again.
func buySegment(ctx context.Context, env *lab.Env, buyer int) (lab.Answer, error) {
	thought := false
	for {
		rows, err := segmentsLeft(ctx, env, productOf(env.Setup, buyer))
		if err != nil || len(rows) == 0 {
			return lab.SoldOut, err
		}
		if !thought {
			thought = true
			env.Think()
			env.Failpoint(ctx, lab.BeforeWrite)
		}
		for i := range rows {
			row := rows[(buyer/env.Setup.Products+i)%len(rows)]
			err := sell(ctx, env, buyer, takeIfLeft(ctx, env, buyer, row))
			if !errors.Is(err, lab.ErrTooLate) {
				return answerLimited(err)
			}
		}
	}
}

// segmentsLeft returns the rows of a product that have pieces.
func segmentsLeft(ctx context.Context, env *lab.Env, product int) ([]int, error) {
	found, err := env.DB.QueryContext(ctx, env.DB.SQL("SELECT id FROM pawl_lab_stock WHERE product = ? AND num > 0 ORDER BY id"), product)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	var rows []int
	for found.Next() {
		var row int
		if err := found.Scan(&row); err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, found.Err()
}
