package sqlitelock

import (
	"context"
	"fmt"
	"os"

	"github.com/pawl-go/pawl/driver"
)

// Check looks at the file: its version of SQLite and of the tables, its log, its
// consistency, who may use it, and whether it is still the one at its path.
func (c *conn) Check(ctx context.Context) ([]driver.Finding, error) {
	var findings []driver.Finding
	err := c.db.read(ctx, func(s *session) error {
		findings = nil
		for _, look := range []func(*session) (driver.Finding, error){checkVersion, checkLog, checkPages} {
			finding, err := look(s)
			if err != nil {
				return err
			}
			findings = append(findings, finding)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return append(findings, c.db.checkAccess(), c.db.checkPlace()), nil
}

func checkVersion(s *session) (driver.Finding, error) {
	var version string
	var schema int
	if err := s.query("SELECT sqlite_version()").Scan(&version); err != nil {
		return driver.Finding{}, err
	}
	err := s.query("PRAGMA user_version").Scan(&schema)
	return driver.Finding{What: driver.Version, Text: fmt.Sprintf("SQLite %s, tables of version %d", version, schema)}, err
}

func checkLog(s *session) (driver.Finding, error) {
	var mode string
	err := s.query("PRAGMA journal_mode").Scan(&mode)
	if mode != "wal" {
		return driver.Finding{Level: driver.Problem, What: "log", Text: "journal mode " + mode + ", want wal: somebody has changed it"}, err
	}
	return driver.Finding{What: "log", Text: "write-ahead"}, err
}

func checkPages(s *session) (driver.Finding, error) {
	var result string
	err := s.query("PRAGMA quick_check(1)").Scan(&result)
	if result != "ok" {
		return driver.Finding{Level: driver.Problem, What: "pages",
			Text: result + ": stop what uses the file and delete it; tokens go on rising by the clock"}, err
	}
	return driver.Finding{What: "pages", Text: "consistent"}, err
}

// checkAccess looks at the file's mode, which decides who can lock.
func (db *database) checkAccess() driver.Finding {
	info, err := os.Stat(db.path)
	if err != nil {
		return driver.Finding{Level: driver.Problem, What: "access", Text: err.Error()}
	}
	if info.Mode().Perm()&0o002 != 0 {
		return driver.Finding{Level: driver.Warning, What: "access", Text: info.Mode().String() + ": everybody on this machine can take and break these locks"}
	}
	return driver.Finding{What: "access", Text: info.Mode().String()}
}

func (db *database) checkPlace() driver.Finding {
	if err := checkReplaced(db.path, db.opened); err != nil {
		return driver.Finding{Level: driver.Problem, What: "place", Text: err.Error()}
	}
	return driver.Finding{What: "place", Text: db.path + ", on a local file system"}
}
