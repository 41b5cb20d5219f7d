package deadlocks

import (
	"context"
	"fmt"
	"strings"
)

// isWaiting asks the server whether a session waits for a lock. InnoDB's own table of
// transactions is no help: while somebody reads it more often than every 0.1 s, it is a
// copy that is never renewed.
func (p *provoker) isWaiting(ctx context.Context, id int64) (waits bool, err error) {
	if p.engine == "postgresql" {
		err = p.look.QueryRowContext(ctx, "SELECT cardinality(pg_blocking_pids($1::int)) > 0", id).Scan(&waits)
		return waits, err
	}
	var kind, name, status string
	if err := p.look.QueryRowContext(ctx, "SHOW ENGINE INNODB STATUS").Scan(&kind, &name, &status); err != nil {
		return false, err
	}
	for transaction := range strings.SplitSeq(status, "---TRANSACTION ") {
		if strings.Contains(transaction, fmt.Sprintf(" thread id %d,", id)) && strings.Contains(transaction, "\nLOCK WAIT ") {
			return true, nil
		}
	}
	return false, nil
}
