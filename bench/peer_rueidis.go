package main

import (
	"context"
	"time"

	"github.com/redis/rueidis"
	"github.com/redis/rueidis/rueidislock"
)

var rueidisPeer = contender{
	name:     "rueidis",
	backend:  "redis",
	settings: "rueidislock, KeyMajority 1 and NoLoopTracking as its README says for one Redis 7; validity 5 s, renewed every 2.5 s (its defaults); TryNextAfter 5 s",
	renewed:  5 * time.Second,
	open: func(_ context.Context, url string) (locker, error) {
		opts, err := rueidis.ParseURL(url)
		if err != nil {
			return nil, err
		}
		l, err := rueidislock.NewLocker(rueidislock.LockerOption{
			ClientOption:   opts,
			KeyMajority:    1,
			NoLoopTracking: true,
			// There is no next key to try. With the default of 20 ms, an answer that is
			// late once leaves a caller waiting for ever for a notice of its own release.
			TryNextAfter: 5 * time.Second,
		})
		if err != nil {
			return nil, err
		}
		return rueidisLocker{l}, nil
	},
}

type rueidisLocker struct{ locker rueidislock.Locker }

func (l rueidisLocker) Lock(ctx context.Context, name string) (func() error, error) {
	_, cancel, err := l.locker.WithContext(ctx, name)
	if err != nil {
		return nil, err
	}
	return func() error {
		cancel() // waits for the answer, and does not tell it
		return nil
	}, nil
}

func (l rueidisLocker) Close() error {
	l.locker.Close()
	return nil
}
