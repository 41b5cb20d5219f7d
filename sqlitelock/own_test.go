package sqlitelock

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/pawl-go/pawl/driver"
)

// A lease that was granted in line is claimed as of the instant at which the line was
// swept, although its time has run out since.
func TestOwnAsOfNow(t *testing.T) {
	t.Parallel()
	d, err := New(t.Context(), filepath.Join(t.TempDir(), "locks.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	c := d.(*conn)
	req := driver.Request{Name: "x", Holder: "h", TTL: time.Minute}
	err = c.db.write(t.Context(), true, func(time.Time) error {
		now, err := c.now()
		if err != nil {
			return err
		}
		granted, err := c.grant(waiting{req: req, client: c.client}, now, now+1, false)
		if err != nil {
			return err
		}
		for later := now; later <= now+1 && err == nil; {
			later, err = c.now()
		}
		token, left, has, err := c.own([]byte(req.Name), &req, now)
		if err != nil || token != granted || left != req.TTL || !has {
			t.Errorf("token %d, left %v, has %t: %v; want token %d and its TTL", token, left, has, err, granted)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
