package redislock

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pawl-go/pawl/driver"
)

// openQuorum opens redis+quorum://HOST:PORT,HOST:PORT,HOST:PORT/DB, or rediss+quorum. The
// parameters are those of a single server without mode, and
//
//	maxttl=1m     Options.MaxTTL
//	durable=true  Options.Durable
//
// A minority of the servers may be down. One that answers and will not do is refused,
// as Open would refuse it alone.
func openQuorum(ctx context.Context, u *url.URL) (_ driver.Driver, err error) {
	opts, rest, err := quorumParams(u)
	if err != nil {
		return nil, err
	}
	var targets []*target
	for host := range strings.SplitSeq(u.Host, ",") {
		if host == "" {
			return nil, invalid("hosts %q: want HOST:PORT,HOST:PORT,HOST:PORT", u.Host)
		}
		single := *u
		single.Scheme, single.Host, single.RawQuery = strings.TrimSuffix(u.Scheme, "+quorum"), host, rest
		t, err := parseURL(&single)
		if err != nil {
			return nil, err
		}
		opts.Prefix, opts.Timeout = t.prefix, t.client.ReadTimeout
		targets = append(targets, t)
	}
	var clients closers
	defer func() {
		if err != nil {
			_ = clients.Close()
		}
	}()
	var nodes []redis.UniversalClient
	for _, t := range targets {
		rdb := t.connect()
		nodes, clients = append(nodes, rdb), append(clients, rdb)
	}
	d, err := NewQuorum(nodes, opts)
	if err != nil {
		return nil, err
	}
	if err := checkQuorum(ctx, targets, nodes); err != nil {
		return nil, err
	}
	return &owned{fullDriver: d.(*quorum), rdb: clients}, nil
}

// quorumParams returns the settings that only a quorum has, and the other parameters.
func quorumParams(u *url.URL) (*Options, string, error) {
	params, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, "", invalid("parameters: %v", err)
	}
	known := []string{"prefix", "timeout", "maxttl", "durable"}
	if strings.HasPrefix(u.Scheme, "rediss") {
		known = append(known, "ca", "insecure")
	}
	for name := range params {
		if !slices.Contains(known, name) {
			return nil, "", invalid("unknown parameter %q, want one of %s", name, strings.Join(known, ", "))
		}
		if len(params[name]) > 1 {
			return nil, "", invalid("parameter %s is given %d times", name, len(params[name]))
		}
	}
	opts := &Options{}
	if params.Has("maxttl") {
		if opts.MaxTTL, err = time.ParseDuration(params.Get("maxttl")); err != nil || opts.MaxTTL <= 0 {
			return nil, "", invalid("maxttl %q: want a duration such as 1m", params.Get("maxttl"))
		}
	}
	if params.Has("durable") {
		if opts.Durable, err = strconv.ParseBool(params.Get("durable")); err != nil {
			return nil, "", invalid("durable %q: want true or false", params.Get("durable"))
		}
	}
	params.Del("maxttl")
	params.Del("durable")
	return opts, params.Encode(), nil
}

// checkQuorum asks all servers whether they will do, and waits for a majority, and a
// little longer for the others.
func checkQuorum(ctx context.Context, targets []*target, nodes []redis.UniversalClient) error {
	type result struct {
		node int
		err  error
	}
	results := make(chan result, len(nodes))
	for i, t := range targets {
		go func() { results <- result{i, t.check(ctx, nodes[i])} }()
	}
	var late <-chan time.Time
	for good, bad := 0, 0; good+bad < len(nodes); {
		select {
		case r := <-results:
			switch {
			case r.err == nil:
				good++
			case ctx.Err() != nil:
				return ctx.Err()
			case errors.Is(r.err, driver.ErrInvalidOption):
				return fmt.Errorf("%s: %w", targets[r.node].client.Addrs[0], r.err)
			default:
				bad++
			}
			if bad > len(nodes)/2 {
				return fmt.Errorf("%d of %d servers do not answer, %s: %w", bad, len(nodes), targets[r.node].client.Addrs[0], r.err)
			}
			if good > len(nodes)/2 && late == nil {
				late = time.After(patience)
			}
		case <-late:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// closers are closed together.
type closers []io.Closer

func (c closers) Close() error {
	var errs []error
	for _, client := range c {
		errs = append(errs, client.Close())
	}
	return errors.Join(errs...)
}
