package lab

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/pawl-go/pawl/fence"
)

// machine says what the figures were measured on.
func machine() string {
	text := fmt.Sprintf("%d cores, %s/%s, %s", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
	if name := processor("/proc/cpuinfo"); name != "" {
		text += ", " + name
	}
	return text
}

// processor returns what Linux calls the processor on most architectures, or "".
func processor(cpuinfo string) string {
	text, _ := os.ReadFile(cpuinfo)
	for line := range strings.Lines(string(text)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// version returns what the database calls itself, or "".
func (db *DB) version(ctx context.Context) string {
	query := "SELECT version()"
	if db.Dialect == fence.SQLite {
		query = "SELECT 'SQLite ' || sqlite_version()"
	}
	var text string
	_ = db.QueryRowContext(ctx, query).Scan(&text) // the report does without
	text, _, _ = strings.Cut(text, " on ")         // what PostgreSQL was compiled with
	if db.Dialect == fence.MySQL && !strings.Contains(text, "MariaDB") {
		text = "MySQL " + text
	}
	return text
}
