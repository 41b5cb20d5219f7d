package fence

import (
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestStatements(t *testing.T) {
	t.Parallel()
	tests := []struct {
		dialect                                 Dialect
		update, lookup, ddl, sideDDL, sideCheck string
	}{
		{
			SQLite,
			"UPDATE `shop`.`stock` SET num = ?,\n`fence` = ? WHERE `id` = ? AND (`fence` IS NULL OR `fence` <= ?)",
			"SELECT `fence` FROM `shop`.`stock` WHERE `id` = ?",
			"ALTER TABLE `shop`.`stock` ADD COLUMN `fence` BIGINT",
			"CREATE TABLE IF NOT EXISTS `pawl_fence` (`resource` TEXT NOT NULL PRIMARY KEY, `token` BIGINT NOT NULL) WITHOUT ROWID",
			"INSERT INTO `pawl_fence` (`resource`, `token`) VALUES (?, ?) ON CONFLICT (`resource`) DO UPDATE SET `token` = excluded.`token` WHERE `pawl_fence`.`token` <= excluded.`token`",
		},
		{
			MySQL,
			"UPDATE `shop`.`stock` SET num = ?,\n`fence` = ? WHERE `id` = ? AND (`fence` IS NULL OR `fence` <= ?)",
			"SELECT `fence` FROM `shop`.`stock` WHERE `id` = ? FOR UPDATE",
			"ALTER TABLE `shop`.`stock` ADD COLUMN `fence` BIGINT",
			"CREATE TABLE IF NOT EXISTS `pawl_fence` (`resource` VARBINARY(512) NOT NULL PRIMARY KEY, `token` BIGINT NOT NULL) ENGINE=InnoDB",
			"INSERT INTO `pawl_fence` (`resource`, `token`) VALUES (?, ?) ON DUPLICATE KEY UPDATE `token` = GREATEST(`token`, ?)",
		},
		{
			PostgreSQL,
			`UPDATE "shop"."stock" SET num = $1,` + "\n" + `"fence" = $2 WHERE "id" = $3 AND ("fence" IS NULL OR "fence" <= $4)`,
			`SELECT "fence" FROM "shop"."stock" WHERE "id" = $1`,
			`ALTER TABLE "shop"."stock" ADD COLUMN "fence" BIGINT`,
			`CREATE TABLE IF NOT EXISTS "pawl_fence" ("resource" TEXT NOT NULL PRIMARY KEY, "token" BIGINT NOT NULL)`,
			`INSERT INTO "pawl_fence" ("resource", "token") VALUES ($1, $2) ON CONFLICT ("resource") DO UPDATE SET "token" = excluded."token" WHERE "pawl_fence"."token" <= excluded."token"`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.dialect.String(), func(t *testing.T) {
			t.Parallel()
			row := SQL{Dialect: tt.dialect, Table: "shop.stock", Key: "id", Token: "fence"}
			side := SideTable{Dialect: tt.dialect}
			set := "num = " + tt.dialect.param(1)
			update, values := row.statement(42, 7, set, []any{99})
			ddl, err := row.DDL()
			if err != nil {
				t.Error(err)
			}
			sideDDL, err := side.DDL()
			if err != nil {
				t.Error(err)
			}
			sideCheck, _ := side.upsert("r", 7)
			want := []string{tt.update, tt.lookup, tt.ddl, tt.sideDDL, tt.sideCheck}
			if diff := cmp.Diff(want, []string{update, row.lookup(), ddl, sideDDL, sideCheck}); diff != "" {
				t.Errorf("statements (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]any{99, int64(7), 42, int64(7)}, values); diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
		})
	}
}

func TestQuote(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		dialect    Dialect
		name, want string
	}{
		{SQLite, "a`b\"c", "`a``b\"c`"},
		{MySQL, "a`b\"c", "`a``b\"c`"},
		{PostgreSQL, "a`b\"c", "\"a`b\"\"c\""},
	} {
		if got := tt.dialect.quote(tt.name); got != tt.want {
			t.Errorf("%v: %s, want %s", tt.dialect, got, tt.want)
		}
	}
}

// A placeholder without a value of the caller's would silently get the token.
func TestCheckParams(t *testing.T) {
	t.Parallel()
	for set, ok := range map[string]bool{"a = 1": true, "a = $1, b = $2": true, "a = $3": false, "a = $0": false, "a = $99999999999999999999": false} {
		if err := PostgreSQL.checkParams(set, 2); (err == nil) != ok {
			t.Errorf("%q with two values: %v", set, err)
		}
	}
}

func TestUnknownDialect(t *testing.T) {
	t.Parallel()
	for _, d := range []Dialect{0, PostgreSQL + 1} {
		if _, err := (SQL{Dialect: d, Table: "t", Key: "k", Token: "f"}).DDL(); err == nil {
			t.Errorf("SQL with %v: no error", d)
		}
		if _, err := (SideTable{Dialect: d}).DDL(); err == nil {
			t.Errorf("SideTable with %v: no error", d)
		}
	}
}

// The package can be used without pawl, and brings nothing with it.
func TestImportsStandardLibraryOnly(t *testing.T) {
	t.Parallel()
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, imp := range parsed.Imports {
			if first, _, _ := strings.Cut(strings.Trim(imp.Path.Value, `"`), "/"); strings.Contains(first, ".") {
				t.Errorf("%s imports %s", f.Name(), imp.Path.Value)
			}
		}
	}
}
