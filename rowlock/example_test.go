package rowlock_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/pawl-go/pawl/rowlock"
)

// exampleDB is a shop with 2 pieces of product 42.
func exampleDB() *sql.DB {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		panic(err)
	}
	db.SetMaxOpenConns(1) // one connection is one database in memory
	_, err = db.ExecContext(context.Background(), "CREATE TABLE stock (id INTEGER PRIMARY KEY, num INTEGER, version INTEGER NOT NULL);"+
		"INSERT INTO stock VALUES (42, 2, 1)")
	if err != nil {
		panic(err)
	}
	return db
}

// Pessimistic: the row is locked until the transaction ends.
func ExampleFor() {
	ctx, db := context.Background(), exampleDB()
	defer db.Close()

	var num int
	stock := rowlock.Row{Dialect: rowlock.SQLite, Table: "stock", Key: "id", Value: 42, Read: rowlock.Columns{"num": &num}}
	err := rowlock.Retry(ctx, db, nil, func(tx *sql.Tx) error {
		if err := rowlock.For(ctx, tx, stock, rowlock.Exclusive); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "UPDATE stock SET num = ? WHERE id = 42", num-1)
		return err
	})
	fmt.Println(num, err)
	// Output: 2 <nil>
}

// Optimistic: read, compute, write if nobody else has written.
func ExampleUpdate() {
	ctx, db := context.Background(), exampleDB()
	defer db.Close()

	var num int
	stock := rowlock.Row{Dialect: rowlock.SQLite, Table: "stock", Key: "id", Value: 42, Read: rowlock.Columns{"num": &num}}
	err := rowlock.Update(ctx, db, stock, rowlock.Version("version"), func() error {
		if num < 1 {
			return rowlock.ErrRefused
		}
		num--
		return nil
	})
	fmt.Println(num, err)
	// Output: 1 <nil>
}

// Conditional: the database does the sum and checks it.
func ExampleDeduct() {
	ctx, db := context.Background(), exampleDB()
	defer db.Close()

	stock := rowlock.Row{Dialect: rowlock.SQLite, Table: "stock", Key: "id", Value: 42}
	for range 3 {
		err := rowlock.Deduct(ctx, db, stock, "num", 1)
		fmt.Println(err, errors.Is(err, rowlock.ErrRefused))
	}
	// Output:
	// <nil> false
	// <nil> false
	// rowlock: deduct from stock id=42: refused: column "num" is 0 true
}

func ExampleRetry() {
	ctx, db := context.Background(), exampleDB()
	defer db.Close()

	attempts := 0
	err := rowlock.Retry(ctx, db, nil, func(*sql.Tx) error {
		if attempts++; attempts < 3 {
			return rowlock.ErrConflict // as a deadlock would be
		}
		return nil
	})
	fmt.Println(attempts, err)
	// Output: 3 <nil>
}
