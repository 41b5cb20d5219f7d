package backend

import (
	"context"
	"fmt"
	"net/url"
	"sync"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
	"github.com/pawl-go/pawl/memlock"
)

var (
	storesMu sync.Mutex
	stores   = make(map[string]*memlock.Store)
)

// openMem opens mem:// and mem://NAME.
func openMem(_ context.Context, u *url.URL) (driver.Driver, error) {
	if err := onlyParams(u); err != nil {
		return nil, err
	}
	if u.Path != "" || u.User != nil {
		return nil, fmt.Errorf("want mem:// or mem://NAME: %w", pawl.ErrInvalidOption)
	}
	if u.Host == "" {
		return memlock.New(), nil
	}
	storesMu.Lock()
	defer storesMu.Unlock()
	store := stores[u.Host]
	if store == nil {
		store = memlock.NewStore()
		stores[u.Host] = store
	}
	return store.Driver(), nil
}
