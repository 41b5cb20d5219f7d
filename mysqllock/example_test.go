package mysqllock_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/mysqllock"
)

func ExampleNew() {
	ctx := context.Background()
	driver, err := mysqllock.New(ctx, "app:secret@tcp(127.0.0.1:3306)/shop", nil)
	if err != nil {
		log.Fatal(err)
	}
	client, err := pawl.New(driver, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close(ctx)
	err = client.Do(ctx, "stock:42", func(ctx context.Context, lock *pawl.Lock) error {
		fmt.Println("nobody else has stock:42; pass on the token", lock.Token())
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
}

// What somebody who may create tables runs once.
func ExampleDDL() {
	fmt.Println(mysqllock.DDL("locks"))
}

// A report of two tables that nobody may change meanwhile. Every writer of orders and
// order_items takes those names too.
func ExampleLockAllTx() {
	ctx := context.Background()
	db, err := sql.Open("mysql", "app:secret@tcp(127.0.0.1:3306)/shop")
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	names := []string{"orders", "order_items", "report"}
	if err := mysqllock.PrepareTx(ctx, db, names); err != nil { // once, where the program starts
		log.Fatal(err)
	}

	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }() // after the commit it does nothing
	if err := mysqllock.LockAllTx(ctx, tx, names); err != nil {
		log.Fatal(err)
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO report (customer, total)
		SELECT o.customer, SUM(i.price) FROM orders o JOIN order_items i ON i.order_id = o.id GROUP BY o.customer`)
	if err != nil {
		log.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		log.Fatal(err)
	}
}
