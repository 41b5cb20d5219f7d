package pawl_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/pawl-go/pawl"

// The core and the seam import the standard library only, so that whoever uses pawl
// gets no dependency but that of one driver.
func TestImports(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".", "./driver")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", cmd, err)
	}
	got := strings.Fields(string(out))
	slices.Sort(got)
	if want := []string{module, module + "/driver"}; !slices.Equal(got, want) {
		t.Errorf("the core depends on %v, want only %v", got, want)
	}
}

func TestEveryExportedNameHasADocComment(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{".", "driver", "drivertest", "memlock", "sqlitelock", "backend", "fence", "redislock", "rowlock", "rowlock/pgxrow", "etcdlock", "zklock", "pglock", "mysqllock", "sqlexplain"} {
		notTest := func(info fs.FileInfo) bool { return !strings.HasSuffix(info.Name(), "_test.go") }
		fset := token.NewFileSet()
		packages, err := parser.ParseDir(fset, dir, notTest, parser.ParseComments) //nolint:staticcheck // build tags do not matter here
		if err != nil {
			t.Fatal(err)
		}
		for name, pkg := range packages {
			documented := false
			for _, file := range pkg.Files {
				documented = documented || file.Doc != nil
				for _, decl := range file.Decls {
					for _, ident := range undocumented(decl) {
						t.Errorf("%s: %s has no doc comment", fset.Position(ident.Pos()), ident.Name)
					}
				}
			}
			if !documented {
				t.Errorf("package %s has no doc comment", name)
			}
		}
	}
}

// undocumented returns the exported names of decl that lack a comment: of their own,
// or of the group that they stand in.
func undocumented(decl ast.Decl) (names []*ast.Ident) {
	switch decl := decl.(type) {
	case *ast.FuncDecl:
		if decl.Doc == nil && (decl.Recv == nil || exportedReceiver(decl.Recv)) {
			names = append(names, decl.Name)
		}
	case *ast.GenDecl:
		for _, spec := range decl.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				if decl.Doc == nil && spec.Doc == nil {
					names = append(names, spec.Name)
				}
				if iface, ok := spec.Type.(*ast.InterfaceType); ok {
					names = append(names, withoutDoc(iface.Methods)...)
				}
			case *ast.ValueSpec:
				if decl.Doc == nil && spec.Doc == nil && spec.Comment == nil {
					names = append(names, spec.Names...)
				}
			}
		}
	}
	return slices.DeleteFunc(names, func(name *ast.Ident) bool { return !name.IsExported() })
}

// withoutDoc returns the methods of an interface that lack a comment, unless all do:
// then they are those of another package, and the type's comment says so.
func withoutDoc(methods *ast.FieldList) (names []*ast.Ident) {
	for _, method := range methods.List {
		if method.Doc == nil {
			names = append(names, method.Names...)
		}
	}
	if len(names) == len(methods.List) {
		return nil
	}
	return names
}

func exportedReceiver(recv *ast.FieldList) bool {
	typ := recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	ident, ok := typ.(*ast.Ident)
	return ok && ident.IsExported()
}
