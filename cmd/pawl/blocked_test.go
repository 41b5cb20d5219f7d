//go:build unix

package main

import (
	"context"
	"database/sql"

	_ "modernc.org/sqlite"
)

// blockWrites makes every write to the backend wait in vain until the test ends, or
// until the returned function is called.
func (s *sandbox) blockWrites() (release func()) {
	s.t.Helper()
	db, err := sql.Open("sqlite", s.file())
	if err != nil {
		s.t.Fatal(err)
	}
	conn, err := db.Conn(context.Background())
	if err == nil {
		_, err = conn.ExecContext(context.Background(), "PRAGMA busy_timeout = 5000; BEGIN IMMEDIATE")
	}
	if err != nil {
		s.t.Fatal(err)
	}
	release = func() {
		_ = conn.Close()
		_ = db.Close()
	}
	s.t.Cleanup(release)
	return release
}
