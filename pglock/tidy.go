package pglock

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	// keepNames is how long the row of a name is kept after its last use.
	keepNames = 24 * time.Hour
	// tidyEvery is how often a client tidies up, on average: seldom, since each of many
	// clients does, and each looks at every row.
	tidyEvery = time.Hour
)

// tidy removes, now and then, what nobody needs any more. What fails is left to the next
// time, or to another client.
func (t *table) tidy() {
	for pause(t.ctx, tidyEvery/2+rand.N(tidyEvery)) {
		_ = t.tidyOnce(t.ctx)
	}
}

func (t *table) tidyOnce(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	patience := step{sql: "SELECT set_config('statement_timeout', $1, true)", args: []any{millis(time.Minute)}}
	var abandoned []nameRow
	if _, err := t.pool.run(ctx, patience, t.sql.reading("abandoned", collect(&abandoned))); err != nil {
		return err
	}
	for _, row := range abandoned {
		if _, _, err := t.settle(ctx, [][]byte{row.Name}, nobody, nil); err != nil {
			return err
		}
	}
	_, err := t.pool.run(ctx, patience, t.sql.step("forget", keepNames.Microseconds()))
	return err
}
