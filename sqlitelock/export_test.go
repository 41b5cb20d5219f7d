package sqlitelock

import (
	"fmt"
	"time"

	"github.com/pawl-go/pawl/driver"
)

// LimitPages makes the disk full for d at so many pages.
func LimitPages(d driver.Driver, pages int) error {
	db := d.(*conn).db
	db.writeMu.Lock()
	defer db.writeMu.Unlock()
	var got int
	return db.query(fmt.Sprintf("PRAGMA max_page_count = %d", pages)).Scan(&got)
}

// SetPlaceTTL sets how long a place in line lives without a refresh.
func SetPlaceTTL(d driver.Driver, ttl time.Duration) { d.(*conn).placeTTL = ttl }
