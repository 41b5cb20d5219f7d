package pawl_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The page of promises names cases of the suite, and only such as there are.
func TestGuaranteesNameCases(t *testing.T) {
	t.Parallel()
	var cases []string
	for _, match := range regexp.MustCompile(`\{"(\w+)", `).FindAllStringSubmatch(read(t, "drivertest/cases.go"), -1) {
		cases = append(cases, match[1])
	}
	rows := regexp.MustCompile(`(?m)^\| \d \|.*\| ([^|]+) \|$`).FindAllStringSubmatch(read(t, "docs/guarantees.md"), -1)
	if len(cases) == 0 || len(rows) != 9 {
		t.Fatalf("%d cases, %d promises", len(cases), len(rows))
	}
	for _, row := range rows {
		for _, match := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1) {
			name := match[1]
			if strings.HasSuffix(name, ".go") {
				read(t, name)
				continue
			}
			fits := func(c string) bool { ok, _ := filepath.Match(name, c); return ok }
			if !slices.ContainsFunc(cases, fits) {
				t.Errorf("%s is no case of the suite", name)
			}
		}
	}
}

func TestLinksResolve(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([^)#:]+)\)`)
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".md") {
			return err
		}
		for _, match := range link.FindAllStringSubmatch(read(t, path), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), match[1])); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
