package sqlexplain

import (
	"context"
	"maps"
	"slices"
	"strings"
)

// clustered are the names of the index that holds the rows: the primary key, or the one
// that InnoDB makes for a table without.
const (
	clusteredIndex = "PRIMARY"
	hiddenIndex    = "GEN_CLUST_INDEX"
)

// column is a column of an index.
type column struct {
	name     string
	dataType string // as in "decimal"
	fullType string // as in "decimal(12,3) unsigned"
}

// tableSchema has the indexes of a table.
type tableSchema struct {
	indexes map[string][]column
	unique  map[string]bool
}

// readTable reads the indexes of a table.
func readTable(ctx context.Context, q querier, table string) (*tableSchema, error) {
	schema, name, ok := strings.Cut(table, ".")
	if !ok {
		name = table
		if err := q.QueryRowContext(ctx, "SELECT DATABASE()").Scan(&schema); err != nil {
			return nil, err
		}
	}
	rows, err := q.QueryContext(ctx, innodbColumns, schema, name)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	s := &tableSchema{make(map[string][]column), make(map[string]bool)}
	for rows.Next() {
		var index string
		var unique bool
		var c column
		if err := rows.Scan(&index, &unique, &c.name, &c.dataType, &c.fullType); err != nil {
			return nil, err
		}
		s.indexes[index] = append(s.indexes[index], c)
		s.unique[index] = unique
	}
	return s, rows.Err()
}

// names returns the indexes, the clustered one last: a secondary one leads to it.
func (s *tableSchema) names() []string {
	names := slices.Sorted(maps.Keys(s.indexes))
	if i := slices.Index(names, clusteredIndex); i >= 0 {
		names = append(slices.Delete(names, i, i+1), clusteredIndex)
	}
	return names
}

// entry returns the columns of an entry of the index: its own, and for a secondary index
// those of the primary key that are not among them.
func (s *tableSchema) entry(index string) []column {
	columns := slices.Clone(s.indexes[index])
	if index == hiddenIndex {
		return []column{{name: "DB_ROW_ID", dataType: "row id"}}
	}
	for _, c := range s.clustered() {
		if !slices.Contains(columns, c) {
			columns = append(columns, c)
		}
	}
	return columns
}

// clustered returns the columns of the clustered index. Without a primary key it may be
// a unique index, which then holds the rows; its own entries are the same either way.
func (s *tableSchema) clustered() []column { return s.indexes[clusteredIndex] }

// schemas reads tables once each.
type schemas map[string]*tableSchema

func (s schemas) of(ctx context.Context, q querier, table string) (*tableSchema, error) {
	if known, ok := s[table]; ok {
		return known, nil
	}
	schema, err := readTable(ctx, q, table)
	if err == nil {
		s[table] = schema
	}
	return schema, err
}
