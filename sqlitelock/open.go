package sqlitelock

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"modernc.org/sqlite"
	sqlitecode "modernc.org/sqlite/lib"

	"github.com/pawl-go/pawl/driver"
)

const (
	// applicationID is in the header of every lock file: "pawl" in ASCII.
	applicationID = 0x7061776c
	// schemaVersion is the newest of the schema files.
	schemaVersion = 1
)

// open opens the lock file at path, or makes it.
func open(ctx context.Context, path string, busy time.Duration) (*database, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := checkFile(path); err != nil {
		return nil, err
	}
	pool, err := sql.Open("sqlite", dsn(path))
	if err != nil {
		return nil, err
	}
	db := &database{path: path, busy: busy, pool: pool}
	if err := db.prepare(ctx); err != nil {
		_ = db.close()
		return nil, err
	}
	return db, nil
}

// dsn escapes path for SQLite, which takes file names as URIs.
func dsn(path string) string {
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: "_pragma=busy_timeout(0)"}
	return u.String()
}

// checkFile refuses what SQLite should not touch. A file that is missing or empty is
// one to be made.
func checkFile(path string) error {
	folder := filepath.Dir(path)
	info, err := os.Stat(folder)
	if err != nil || !info.IsDir() {
		return fmt.Errorf("no folder %s, make it first: %w", folder, driver.ErrInvalidOption)
	}
	if name := networkFS(folder); name != "" {
		return fmt.Errorf("on %s, a network file system, want a local disk: %w", name, driver.ErrInvalidOption)
	}
	info, err = os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("%w: %w", err, driver.ErrInvalidOption)
	case !info.Mode().IsRegular():
		return fmt.Errorf("not a regular file, want a SQLite file of pawl's own: %w", driver.ErrInvalidOption)
	case info.Mode().Perm()&0o222 == 0: // root could write to it all the same
		return fmt.Errorf("read-only, want a file that can be written: %w", driver.ErrInvalidOption)
	}
	return checkHeader(path)
}

// checkHeader looks at a file without SQLite, which might change it.
func checkHeader(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("want a file that can be read and written: %w: %w", err, driver.ErrInvalidOption)
	}
	defer file.Close()
	header := make([]byte, 100)
	switch n, err := io.ReadFull(file, header); {
	case n == 0 && err == io.EOF:
		return nil
	case err != nil || !bytes.HasPrefix(header, []byte("SQLite format 3\x00")):
		return fmt.Errorf("not a SQLite file, want one of pawl's own or none: %w", driver.ErrInvalidOption)
	case binary.BigEndian.Uint32(header[68:]) != applicationID:
		return fmt.Errorf("a SQLite file of another program, want one of pawl's own or none: %w", driver.ErrInvalidOption)
	}
	return nil
}

// prepare connects and brings the schema up to date.
func (db *database) prepare(ctx context.Context) (err error) {
	if db.writer, err = newSession(db.pool); err != nil {
		return unavailable(err)
	}
	for _, step := range []func() error{db.check, db.makeHeader, db.migrate, db.setUp} {
		if err := retryBusy(ctx, db.busy, func() error { return refusal(step()) }); err != nil {
			return err
		}
	}
	if db.reader, err = newSession(db.pool); err != nil {
		return unavailable(err)
	}
	db.opened, err = os.Stat(db.path)
	return err
}

// refusal is ErrInvalidOption for what only somebody's hand can mend, so that nobody
// goes on trying. Other errors stay as they are.
func refusal(err error) error {
	var failure *sqlite.Error
	if !errors.As(err, &failure) {
		return err
	}
	switch failure.Code() {
	case sqlitecode.SQLITE_READONLY, sqlitecode.SQLITE_READONLY_DIRECTORY:
		return fmt.Errorf("want a file and a folder that can be written: %s: %w", err.Error(), driver.ErrInvalidOption)
	}
	switch failure.Code() & 0xff { // without the details
	case sqlitecode.SQLITE_CORRUPT, sqlitecode.SQLITE_NOTADB:
		return damaged(err)
	}
	return err
}

// damaged says what is wrong with the file. It hides the error of SQLite, which would
// make it one to try again.
func damaged(reason any) error {
	return fmt.Errorf("damaged, want it moved away while nobody uses it: %v: %w", reason, driver.ErrInvalidOption)
}

// check refuses a damaged file before anything is written to it. Of a file as small
// as that of locks it takes less than a millisecond.
func (db *database) check() error {
	var verdict string
	if err := db.query("PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return damaged(strings.Join(strings.Fields(verdict), " "))
	}
	return nil
}

// makeHeader marks a new file as pawl's before anything else is written to it and
// before it has a log, so that checkHeader never sees a file of pawl's without the
// mark.
func (db *database) makeHeader() error {
	var id, mode string
	if err := db.query("PRAGMA application_id").Scan(&id); err != nil {
		return err
	}
	if id == "0" {
		if _, err := db.exec(fmt.Sprintf("PRAGMA application_id = %d", applicationID)); err != nil {
			return err
		}
	}
	if err := db.query("PRAGMA journal_mode = WAL").Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("no write-ahead log on this file system (journal mode %s): %w", mode, driver.ErrInvalidOption)
	}
	return nil
}

// migrate runs the schema files that are newer than the file, each in a transaction.
func (db *database) migrate() error {
	var version int
	if err := db.query("PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	if version > schemaVersion {
		return fmt.Errorf("made by a newer pawl: schema %d, this one knows up to %d: %w", version, schemaVersion, driver.ErrInvalidOption)
	}
	if version == schemaVersion {
		return nil
	}
	return db.writer.transact(func(time.Time) error {
		if err := db.query("PRAGMA user_version").Scan(&version); err != nil {
			return err
		}
		for ; version < schemaVersion; version++ { // others may have been first
			schema := readFile(fmt.Sprintf("sql/schema_%d.sql", version+1))
			if _, err := db.writer.conn.ExecContext(noContext, schema); err != nil {
				return err
			}
		}
		_, err := db.exec(fmt.Sprintf("PRAGMA user_version = %d", schemaVersion))
		return err
	})
}

// setUp makes commits wait for no disk: after a power failure the last of them may be
// missing, and with them leases of processes that are gone as well.
func (db *database) setUp() error {
	_, err := db.exec("PRAGMA synchronous = NORMAL")
	return err
}
