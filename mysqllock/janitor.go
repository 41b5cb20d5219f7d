package mysqllock

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"time"
)

// tidyEvery is how often a client forgets names that nobody has used for a day. With many
// clients each name is looked at more often, which harms nothing.
const tidyEvery = time.Hour

// janitor keeps the tables from growing with every name that was ever used.
func (c *conn) janitor() {
	timer := time.NewTimer(rand.N(tidyEvery))
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-c.life.Done():
			return
		}
		_ = c.tidy(c.life) // there is a next time
		timer.Reset(tidyEvery/2 + rand.N(tidyEvery))
	}
}

// tidy forgets the names that nobody has used for a day, some at a time. Their tokens go
// on rising: the clock has passed them.
func (c *conn) tidy(ctx context.Context) error {
	for after := []byte{}; ; {
		var names []any
		err := c.db.each(ctx, c.db.texts["idle"], []any{after}, func(rows *sql.Rows) error {
			var name []byte
			err := rows.Scan(&name)
			names = append(names, name)
			return err
		})
		if err != nil || len(names) == 0 {
			return err
		}
		after = names[len(names)-1].([]byte)
		for _, statement := range []string{"forget", "forget_marks"} {
			text := c.db.text(statement, "{names}", list(len(names), "?"))
			err := c.db.try(ctx, func(ctx context.Context) error {
				_, err := c.db.pool.ExecContext(ctx, text, names...)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
}
