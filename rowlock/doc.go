// Package rowlock locks rows of the caller's own tables, in the caller's own
// transactions, for database/sql and pgx, on MySQL, MariaDB, PostgreSQL and SQLite.
//
// There are three strategies, and a loop that all of them need:
//
//   - pessimistic: [For] locks a row until the transaction ends. Right when the row is
//     contended, or when what follows is long or touches more than the row.
//   - optimistic: [Update] reads the row with its version, lets the caller compute, and
//     writes only if the version is still the same. Right when conflicts are rare.
//   - conditional: [Deduct] and [Add] change a number in one statement, under a condition
//     on the number itself. Right when the whole decision is that condition: stock, quota,
//     seats. Nothing is read, so nothing can be out of date.
//   - [Retry] runs a transaction again when the database has ended it for the sake of
//     another: a deadlock, a serialization failure, a lock timeout.
//
// Identifiers are quoted, so they must be spelt as the database stores them, and values
// are parameters. Nothing is created in the database and no goroutine is started.
//
// # What an error tells the caller to do
//
//   - [ErrHeld]: another transaction has the row, and the caller did not want to wait.
//   - [ErrConflict]: others were faster. Nothing was changed; run the whole again.
//   - [ErrRefused]: the condition does not hold. Nothing was changed; do not repeat.
//   - [ErrNoRow]: there is no row with this key.
//   - [ErrNoIndex]: the key has no index that serves it. Add one.
//   - [ErrAmbiguous]: the reply was lost. Look before doing it again.
//
// In PostgreSQL any error, ErrHeld too, has ended the transaction: roll it back. MySQL,
// MariaDB and SQLite have undone the statement alone, but after a deadlock everything.
//
// # pgx
//
// This package needs the standard library only. Package pgxrow makes a pgx.Tx or a
// pgxpool.Pool usable here.
package rowlock
