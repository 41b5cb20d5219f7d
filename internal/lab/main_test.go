package lab

import (
	"context"
	"errors"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// The tests start the test binary again as a worker.
const workerVariable = "PAWL_LAB_TEST_WORKER"

func TestMain(m *testing.M) {
	if os.Getenv(workerVariable) != "" {
		if Work([]*Scenario{testScenario()}, os.Stdin, os.Stdout) != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	must(os.Setenv(workerVariable, "1"))                                // for those that the tests start
	must(os.Setenv("GORACE", os.Getenv("GORACE")+" atexit_sleep_ms=0")) // or each of them takes a second to end
	goleak.VerifyTestMain(m)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// testScenario has strategies that misbehave in each way that a run must survive.
func testScenario() *Scenario {
	strategies := map[string]Serve{
		"order": nil, // set below
		"hang": func(ctx context.Context, _ int) (Answer, error) {
			<-ctx.Done()
			return "", ctx.Err()
		},
		"deaf": func(context.Context, int) (Answer, error) { select {} },
		"fail": func(context.Context, int) (Answer, error) { return "", errors.New("no luck") },
		"crash": func(context.Context, int) (Answer, error) {
			println("it crashed\nin line 7")
			os.Exit(3)
			return "", nil
		},
		"discard": func(context.Context, int) (Answer, error) { return Discarded, nil },
		"again":   nil,
		"lie":     func(context.Context, int) (Answer, error) { return Bought, nil },
		"mixed":   nil,
	}
	s := &Scenario{
		Name: "test",
		Prepare: func(ctx context.Context, db *DB, _ Setup) error {
			_, err := db.ExecContext(ctx, "DROP TABLE IF EXISTS orders; CREATE TABLE orders (buyer INTEGER)")
			return err
		},
		Count: func(ctx context.Context, db *DB, setup Setup) (Counts, error) {
			var c Counts
			err := db.QueryRowContext(ctx, "SELECT COUNT(*) FROM orders").Scan(&c.Sold)
			c.Left = setup.Stock - c.Sold
			return c, err
		},
		Served: "SELECT buyer FROM orders",
		Moral:  func(*Report) string { return "" },
	}
	for name, serve := range strategies {
		s.Strategies = append(s.Strategies, Strategy{
			Name: name, Why: "because", Expect: func(Setup) Outcome { return Holds },
			New: func(env *Env) Serve {
				switch name {
				case "order":
					return orderOf(env)
				case "mixed": // every other buyer gets two, and the others none
					return func(ctx context.Context, buyer int) (Answer, error) {
						_, err := env.DB.ExecContext(ctx, "INSERT INTO orders SELECT ? WHERE ? % 2 = 0 UNION ALL SELECT ? WHERE ? % 2 = 0", buyer, buyer, buyer, buyer)
						return Bought, err
					}
				case "again":
					return func(ctx context.Context, _ int) (Answer, error) {
						return env.Retry(ctx, 3, TooLate, func() (Answer, error) { return "", ErrTooLate })
					}
				}
				return serve
			},
		})
	}
	return s
}
