package etcdlock

import "github.com/pawl-go/pawl/driver"

// WatchEvents returns how many events the watches of d have brought.
func WatchEvents(d driver.Driver) int64 { return d.(*owned).events.Load() }

// KeepAlives returns how many keep-alives d has sent.
func KeepAlives(d driver.Driver) int64 { return d.(*owned).keptAlive.Load() }
