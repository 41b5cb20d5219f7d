package deadlocks_test

import (
	"database/sql"
	"testing"

	"go.uber.org/goleak"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/pawl-go/pawl/internal/deadlocks"
	"github.com/pawl-go/pawl/internal/testserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(testserver.Stopping(m)) }

// TestProvoke: each kind ends with a victim on each engine, and leaves no table behind.
func TestProvoke(t *testing.T) {
	t.Parallel()
	for engine, start := range map[string]func(testing.TB) (driver, dsn string){
		"mysql": func(tb testing.TB) (driver, dsn string) {
			return "mysql", testserver.MySQLDSN(testserver.MySQL(tb).Addr, "mysql")
		},
		"mariadb": func(tb testing.TB) (driver, dsn string) {
			return "mysql", testserver.MySQLDSN(testserver.MariaDB(tb).Addr, "mysql")
		},
		"postgresql": func(tb testing.TB) (driver, dsn string) {
			return "pgx", testserver.PostgresURL(testserver.Postgres(tb, "deadlock_timeout=50ms").Addr, "postgres")
		},
	} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			driver, dsn := start(t)
			db, err := sql.Open(driver, dsn)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			for _, kind := range deadlocks.Kinds(engine) {
				if victims, err := deadlocks.Provoke(t.Context(), engine, db, kind); err != nil || victims != 1 {
					t.Errorf("%s: %d victims, %v", kind.Name, victims, err)
				}
				if _, err := db.ExecContext(t.Context(), "SELECT 1 FROM "+deadlocks.Table); err == nil {
					t.Errorf("%s: the table is still there", kind.Name)
				}
			}
		})
	}
}
