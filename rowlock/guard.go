package rowlock

import "strings"

// The guard is compared as a number, microseconds since 1970 for a time, so that neither
// the session's zone nor what the client makes of a time has a part in it. In these, @ is
// the column.
//
// PostgreSQL's next time is a sum, since that is right for timestamp and timestamptz.
var (
	readTime = map[Dialect]string{
		SQLite:     "@",
		MySQL:      "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', @)",
		MariaDB:    "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', @)",
		PostgreSQL: "CAST(EXTRACT(epoch FROM @) * 1000000 AS bigint)",
	}
	nextTime = map[Dialect]string{
		SQLite:  "MAX(CAST(unixepoch('subsec') * 1000000 AS INTEGER), @ + 1)",
		MySQL:   "GREATEST(UTC_TIMESTAMP(6), @ + INTERVAL 1 MICROSECOND)",
		MariaDB: "GREATEST(UTC_TIMESTAMP(6), @ + INTERVAL 1 MICROSECOND)",
		PostgreSQL: "@ + GREATEST(INTERVAL '1 microsecond', " +
			"(EXTRACT(epoch FROM clock_timestamp()) - EXTRACT(epoch FROM @)) * INTERVAL '1 second')",
	}
)

// read returns the expression that is compared.
func (g Guard) read(d Dialect) string {
	if g.time {
		return strings.ReplaceAll(readTime[d], "@", d.quote(g.column))
	}
	return d.quote(g.column)
}

// next returns the expression that follows it.
func (g Guard) next(d Dialect) string {
	if g.time {
		return strings.ReplaceAll(nextTime[d], "@", d.quote(g.column))
	}
	return d.quote(g.column) + " + 1"
}
