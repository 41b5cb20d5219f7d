package fence_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/pawl-go/pawl/fence"
)

// exampleDB is a shop with 100 pieces of product 42.
func exampleDB() *sql.DB {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		panic(err)
	}
	db.SetMaxOpenConns(1) // one connection is one database in memory
	_, err = db.ExecContext(context.Background(),
		"CREATE TABLE stock (id INTEGER PRIMARY KEY, num INTEGER, fence BIGINT); INSERT INTO stock VALUES (42, 100, NULL)")
	if err != nil {
		panic(err)
	}
	return db
}

func ExampleSQL_Update() {
	ctx, db := context.Background(), exampleDB()
	defer db.Close()

	stock := fence.SQL{Dialect: fence.SQLite, Table: "stock", Key: "id", Token: "fence"}

	// The holder with token 7 was paused; the one with token 8 has its lock by now.
	fmt.Println(stock.Update(ctx, db, 42, 8, "num = num - ?", 1))
	err := stock.Update(ctx, db, 42, 7, "num = num - ?", 1)
	fmt.Println(err)
	fmt.Println(errors.Is(err, fence.ErrStale))
	// Output:
	// <nil>
	// fence: stock 42: stale fencing token: 7 is older than 8
	// true
}

func ExampleSQL_Check() {
	ctx, db := context.Background(), exampleDB()
	defer db.Close()
	stock := fence.SQL{Dialect: fence.SQLite, Table: "stock", Key: "id", Token: "fence"}

	// A write that rests on a read: show the token, read, write.
	sell := func(token uint64) error {
		if err := stock.Check(ctx, db, 42, token); err != nil {
			return err
		}
		var num int
		if err := db.QueryRowContext(ctx, "SELECT num FROM stock WHERE id = 42").Scan(&num); err != nil {
			return err
		}
		return stock.Update(ctx, db, 42, token, "num = ?", num-1)
	}
	fmt.Println(sell(8))
	fmt.Println(sell(7))
	// Output:
	// <nil>
	// fence: stock 42: stale fencing token: 7 is older than 8
}

func ExampleSideTable() {
	ctx, db := context.Background(), exampleDB()
	defer db.Close()

	guard := fence.SideTable{Dialect: fence.SQLite}
	ddl, err := guard.DDL()
	if err != nil {
		panic(err)
	}
	fmt.Println(ddl)
	if _, err := db.ExecContext(ctx, ddl); err != nil {
		panic(err)
	}

	write := func(token uint64) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback()
		if err := guard.Check(ctx, tx, "nightly report", token); err != nil {
			return err
		}
		// ... whatever else belongs to the transaction ...
		return tx.Commit()
	}
	fmt.Println(write(8))
	fmt.Println(write(7))
	// Output:
	// CREATE TABLE IF NOT EXISTS `pawl_fence` (`resource` TEXT NOT NULL PRIMARY KEY, `token` BIGINT NOT NULL) WITHOUT ROWID
	// <nil>
	// fence: resource "nightly report": stale fencing token: 7 is older than 8
}

func ExampleHTTP() {
	put := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "stored", r.URL.Path)
	})
	server := httptest.NewServer(fence.HTTP{}.Wrap(put))
	defer server.Close()

	send := func(token uint64) {
		r, err := http.NewRequestWithContext(context.Background(), http.MethodPut, server.URL+"/prices", strings.NewReader("{}"))
		if err != nil {
			panic(err)
		}
		fence.SetHeader(r, token) // lock.Token()
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			panic(err)
		}
		_ = response.Body.Close()
		fmt.Println(token, response.Status)
	}
	send(8)
	send(7)
	http.DefaultClient.CloseIdleConnections()
	// Output:
	// 8 200 OK
	// 7 412 Precondition Failed
}
