package rowlock

import "strings"

// parseDDL reads the answer to MySQL's and MariaDB's SHOW CREATE TABLE, in which every
// column and every index is a line of its own:
//
//	`code` varchar(20) NOT NULL,
//	PRIMARY KEY (`shop`,`id`),
//	UNIQUE KEY `code` (`code`(8) DESC) /*!80000 INVISIBLE */
//
// Names are in double quotes in the sql_mode ANSI_QUOTES.
func parseDDL(d Dialect, ddl string) *table {
	t := &table{dialect: d, types: make(map[string]string)}
	for line := range strings.Lines(ddl) {
		line = strings.TrimSuffix(strings.TrimSpace(line), ",")
		if name, rest, ok := cutName(line); ok {
			typ, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
			t.types[name] = strings.ToLower(typ)
		} else if i, ok := parseIndex(line); ok {
			t.indexes = append(t.indexes, i)
		}
	}
	return t
}

// parseIndex reads a line that is an index which serves a condition of equality.
func parseIndex(line string) (i index, ok bool) {
	rest, primary := strings.CutPrefix(line, "PRIMARY KEY ")
	if !primary {
		if rest, i.unique = strings.CutPrefix(line, "UNIQUE KEY "); !i.unique {
			if rest, ok = strings.CutPrefix(line, "KEY "); !ok {
				return i, false // FULLTEXT, SPATIAL, CONSTRAINT, ...
			}
		}
		if _, rest, ok = cutName(rest); !ok {
			return i, false
		}
	}
	i.unique = i.unique || primary
	rest, ok = strings.CutPrefix(strings.TrimSpace(rest), "(")
	for ok {
		var column string
		if column, rest, ok = cutName(rest); !ok {
			column, rest = "", skipExpression(rest)
			i.unique = false
		}
		i.columns = append(i.columns, column)
		if strings.HasPrefix(rest, "(") { // the first characters of it only
			_, rest, _ = strings.Cut(rest, ")")
			i.unique = false
		}
		rest = strings.TrimPrefix(rest, " DESC")
		rest, ok = strings.CutPrefix(rest, ",")
	}
	rest, _, _ = strings.Cut(rest, " COMMENT ")
	hidden := strings.Contains(rest, "INVISIBLE") || strings.Contains(rest, "IGNORED")
	return i, len(i.columns) > 0 && !hidden
}

// cutName reads a quoted name off the beginning of text.
func cutName(text string) (name, rest string, ok bool) {
	if text == "" || text[0] != '`' && text[0] != '"' {
		return "", text, false
	}
	mark := text[:1]
	for rest = text[1:]; ; {
		part, after, found := strings.Cut(rest, mark)
		if !found {
			return "", text, false
		}
		name += part
		if rest, ok = strings.CutPrefix(after, mark); !ok {
			return name, after, true
		}
		name += mark // doubled: one that belongs to the name
	}
}

// skipExpression returns what follows an expression in brackets.
func skipExpression(text string) string {
	depth := 0
	for n := 0; n < len(text); n++ {
		switch text[n] {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return text[n+1:]
			}
		}
	}
	return ""
}
