package pglock

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/internal/sqlsession"
)

// Check looks at the version, the room for locks and connections, poolers and proxies on
// the way, replicas, the clock and the rights to end a session. It writes nothing.
func (d *sessionDriver) Check(ctx context.Context) ([]driver.Finding, error) {
	if err := d.Closed(); err != nil {
		return nil, err
	}
	facts := make(map[string]string)
	var sent time.Time
	var trip time.Duration
	err := d.server.ask(ctx, func(pg *pgconn.PgConn) error {
		sent = time.Now()
		result := pg.ExecParams(ctx, d.server.sql["doctor"], nil, nil, nil, nil).Read()
		trip = time.Since(sent)
		for _, row := range result.Rows {
			facts[string(row[0])] = string(row[1])
		}
		facts["direct"] = strconv.FormatBool(facts["pid"] == strconv.FormatUint(uint64(pg.PID()), 10))
		return result.Err
	})
	if err != nil {
		return nil, err
	}
	micros, _ := strconv.ParseInt(facts["clock"], 10, 64)
	return []driver.Finding{
		{What: driver.Version, Text: "PostgreSQL " + facts["version"]}, sessionPooler(facts), sessionRoom(facts), sessionReplicas(facts),
		sessionSignal(facts), sqlsession.Clock(time.UnixMicro(micros), sent, trip, "tokens may fall when locks move to another server"),
	}, nil
}

func sessionPooler(facts map[string]string) driver.Finding {
	if facts["direct"] == "true" {
		return driver.Finding{What: "pooler", Text: "none on the way"}
	}
	return driver.Finding{Level: driver.Warning, What: "pooler",
		Text: "one in session mode is on the way: each session of this driver takes a server connection of its pool for as long as it lives"}
}

func sessionRoom(facts map[string]string) driver.Finding {
	each, _ := strconv.Atoi(facts["max_locks_per_transaction"])
	connections, _ := strconv.Atoi(facts["max_connections"])
	return driver.Finding{What: "room",
		Text: fmt.Sprintf("about %d locks in all (max_locks_per_transaction times max_connections), on %d connections", each*connections, connections)}
}

func sessionReplicas(facts map[string]string) driver.Finding {
	if facts["replicas"] == "0" {
		return driver.Finding{What: "replicas", Text: "none that this user can see"}
	}
	return driver.Finding{Level: driver.Warning, What: "replicas",
		Text: facts["replicas"] + ": a failover frees all session locks; holders are told when their connections end, and only tokens protect until then"}
}

func sessionSignal(facts map[string]string) driver.Finding {
	if facts["signal"] == "1" {
		return driver.Finding{What: "force", Text: "this user may end other users' sessions"}
	}
	return driver.Finding{What: "force", Text: "this user may end its own sessions only; pg_signal_backend lets it end all"}
}
