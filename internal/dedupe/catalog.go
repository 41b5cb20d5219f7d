package dedupe

import "embed"

// The catalogue queries, one file each.
//
//go:embed sql/*.sql
var sqlFiles embed.FS

// query returns the text of a catalogue query.
func query(name string) string {
	text, err := sqlFiles.ReadFile("sql/" + name + ".sql")
	if err != nil {
		panic(err) // a name in this package is wrong
	}
	return string(text)
}

// indexList gathers indexes from rows of index, unique and column.
type indexList struct{ all []index }

func (l *indexList) add(name string, unique bool, col *string) {
	if n := len(l.all); n == 0 || l.all[n-1].name != name {
		l.all = append(l.all, index{name: name, unique: unique})
	}
	last := &l.all[len(l.all)-1]
	if col == nil {
		last.columns = append(last.columns, "") // no column has this name
		return
	}
	last.columns = append(last.columns, *col)
}

// referenceList gathers foreign keys from rows of one pair of columns each.
type referenceList struct{ all []reference }

func (l *referenceList) add(r reference, from column, to string) {
	last := len(l.all) - 1
	if last < 0 || l.all[last].name != r.name || l.all[last].schema != r.schema || l.all[last].table != r.table {
		l.all = append(l.all, r)
		last++
	}
	ref := &l.all[last]
	ref.from, ref.to, ref.fromTypes = append(ref.from, from.name), append(ref.to, to), append(ref.fromTypes, from)
}
