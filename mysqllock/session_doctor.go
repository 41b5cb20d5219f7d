package mysqllock

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/internal/sqlsession"
)

// Check looks at the version, at clusters whose nodes do not share GET_LOCK, whether the
// server is a replica, the room for connections, and the clock. It writes nothing.
func (d *sessionDriver) Check(ctx context.Context) ([]driver.Finding, error) {
	if err := d.Closed(); err != nil {
		return nil, err
	}
	rows, err := d.server.ask(ctx, sessionSQL("doctor"))
	if err != nil {
		return nil, err
	}
	facts := make(map[string]string)
	for _, row := range rows {
		facts[strings.ToLower(row[0])] = row[1]
	}
	sent := time.Now()
	clock, err := d.server.ask(ctx, "SELECT CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS UNSIGNED)")
	if err != nil {
		return nil, err
	}
	trip := time.Since(sent)
	micros, _ := strconv.ParseInt(clock[0][0], 10, 64)
	return []driver.Finding{
		{What: driver.Version, Text: engine(facts["version"]) + ", " + facts["version_comment"]},
		sessionCluster(facts), sessionReplica(facts),
		{What: "connections", Text: facts["max_connections"] + " at most"},
		sqlsession.Clock(time.UnixMicro(micros), sent, trip, "tokens may fall when the clock is set back"),
	}, nil
}

func sessionCluster(facts map[string]string) driver.Finding {
	switch {
	case facts["wsrep_on"] == "ON":
		return driver.Finding{Level: driver.Problem, What: "cluster",
			Text: "Galera: GET_LOCK reaches one node only, so clients of two nodes do not exclude each other; send all to one node, or use mode=table"}
	case facts["group_replication_group_name"] != "":
		return driver.Finding{Level: driver.Problem, What: "cluster",
			Text: "group replication: GET_LOCK reaches one member only, so clients of two members do not exclude each other; send all to the primary, or use mode=table"}
	}
	return driver.Finding{What: "cluster", Text: "none: a single server"}
}

func sessionReplica(facts map[string]string) driver.Finding {
	if facts["read_only"] == "ON" || facts["read_only"] == "1" {
		return driver.Finding{Level: driver.Warning, What: "role",
			Text: "read_only: GET_LOCK works here, and is not seen by clients of the primary"}
	}
	return driver.Finding{What: "role", Text: "writable"}
}
