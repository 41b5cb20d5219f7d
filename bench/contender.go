package main

import (
	"context"
	"fmt"
	"time"
)

// A locker is one client of a contender. Its methods may be called by many goroutines.
type locker interface {
	// Lock waits until the lock called name is held.
	Lock(ctx context.Context, name string) (unlock func() error, err error)
	Close() error
}

// contender is a library on a backend.
type contender struct {
	name     string
	backend  string
	settings string        // what was chosen where a library leaves a choice
	renewed  time.Duration // TTL of the leases that it renews by itself; 0 when it does not
	plays    []string      // the scenarios of what is not a lock; nil is all
	open     func(ctx context.Context, url string) (locker, error)
}

// ours is the contender to which the others are compared.
const ours = "pawl"

// ttl is that of leases where the library does not have a default.
const ttl = 15 * time.Second

// contenders is in the order of the table. Each has a file of its own.
var contenders = []*contender{
	&pawlRedis, &redsyncPeer, &bsmPeer, &rueidisPeer,
	&pawlPostgres, &upsertsPostgres,
	&pawlPostgresSession, &advisoryPeer,
	&pawlMySQL, &upsertsMySQL,
	&pawlMySQLSession, &getLockMySQL,
	&pawlMariaDB, &upsertsMariaDB,
	&pawlMariaDBSession, &getLockMariaDB,
	&pawlZooKeeper, &goZooKeeperPeer,
	&pawlEtcd, &mutexPeer,
}

func contenderNamed(backend, name string) (*contender, error) {
	for _, c := range contenders {
		if c.backend == backend && c.name == name {
			return c, nil
		}
	}
	return nil, fmt.Errorf("no contender %s on %s", name, backend)
}

// warm holds so many locks at once and gives them back: all is connected then that so
// many workers need, and scripts are loaded.
func warm(ctx context.Context, l locker, prefix string, locks int) error {
	unlock, err := holdMany(ctx, l, prefix, locks)
	if err == nil {
		unlock()
	}
	return err
}

// cycle locks and unlocks name.
func cycle(ctx context.Context, l locker, name string) error {
	unlock, err := l.Lock(ctx, name)
	if err != nil {
		return err
	}
	return unlock()
}
