// Package sqlexplain tells which locks an SQL statement takes, from the live server and
// not from a rule book: MySQL 8 and later, MariaDB 10.6 and later, PostgreSQL 12 and
// later.
//
// [Server.Explain] runs the statement in a transaction of its own, reads its locks from
// a second connection, and always rolls back. [Server.Deadlock] and [ReadPostgresLog]
// read what a server said of a deadlock, and [Server.Waits] who waits for whom now.
//
//	server, err := sqlexplain.Open(ctx, "mysql://root@127.0.0.1:3306/shop")
//	if err != nil { ... }
//	defer server.Close()
//	report, err := server.Explain(ctx, "UPDATE stock SET num = num - 1 WHERE sku = 'a'", nil)
package sqlexplain
