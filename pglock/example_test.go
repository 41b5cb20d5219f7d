package pglock_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/jackc/pgx/v5"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/pglock"
)

// A lock that every process takes which opens the same database.
func ExampleNew() {
	ctx := context.Background()
	driver, err := pglock.New(ctx, "postgres://shop@127.0.0.1/shop?sslmode=disable", nil)
	if err != nil {
		log.Fatal(err)
	}
	client, err := pawl.New(driver, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close(ctx)

	err = client.Do(ctx, "stock:42", func(ctx context.Context, lock *pawl.Lock) error {
		fmt.Println("token", lock.Token())
		return nil
	})
	if err != nil {
		log.Print(err)
	}
}

// An INSERT ... SELECT that no other writer of the tables gets between: every writer takes
// their names first.
func ExampleLockAllTx() {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close(ctx)

	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		locks := []pglock.TxWant{{Name: "fact.orders"}, {Name: "dim.users", Shared: true}}
		if err := pglock.LockAllTx(ctx, tx, locks); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO fact.orders (day, user_name, total)
			SELECT o.day, u.name, sum(o.total) FROM staging.orders o JOIN dim.users u ON u.id = o.user_id GROUP BY 1, 2`)
		return err
	})
	if err != nil {
		log.Print(err)
	}
}

// The statements for somebody who may create tables.
func ExampleDDL() {
	statements, err := pglock.DDL("ops.locks")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(statements) > 0)
	// Output: true
}
