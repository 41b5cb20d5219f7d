package pglock

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pawl-go/pawl/driver"
)

func (t *table) Break(ctx context.Context, name string) error {
	return t.breakWith(ctx, name, func(ctx context.Context, names [][]byte, count func(pgx.Rows) error) error {
		_, err := t.pool.run(ctx, t.sql.step("lock_known", names),
			t.sql.reading("break", count, names), t.sql.reading("break_crowded", count, names))
		return err
	})
}

func (t *table) Force(ctx context.Context, name string) error {
	return t.breakWith(ctx, name, func(ctx context.Context, names [][]byte, count func(pgx.Rows) error) error {
		_, passed, err := t.settle(ctx, names, nobody, []step{t.sql.reading("force", count, names)})
		t.watch.settleAfterClaim(passed)
		return err
	})
}

// breakWith runs do, again where others were in the way, with what counts the leases that
// it has broken.
func (t *table) breakWith(ctx context.Context, name string, do func(ctx context.Context, names [][]byte, count func(pgx.Rows) error) error) error {
	return t.detached(ctx, func(ctx context.Context) error {
		for {
			broken := int64(0)
			err := do(ctx, [][]byte{[]byte(name)}, func(rows pgx.Rows) error {
				rows.Close()
				broken += rows.CommandTag().RowsAffected()
				return rows.Err()
			})
			switch {
			case again(err) && pause(ctx, time.Millisecond+rand.N(20*time.Millisecond)):
				continue
			case err == nil && broken == 0:
				return driver.ErrNotHeld
			}
			return err
		}
	})
}
