package redislock

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/pawl-go/pawl/driver"
)

// check returns why the server that t names will not do, or nil.
func (t *target) check(ctx context.Context, rdb redis.UniversalClient) error {
	type result struct {
		infos []string
		err   error
	}
	done := make(chan result, 1)
	go func() { // go-redis would not notice that ctx is cancelled
		infos, err := t.ask(context.WithoutCancel(ctx), rdb)
		done <- result{infos, err}
	}()
	var r result
	select {
	case r = <-done:
	case <-ctx.Done():
		return ctx.Err() // the caller closes rdb, which ends the call
	}
	switch {
	case redis.IsPermissionError(r.err):
		return nil // INFO is refused to many users; what the scripts need they will ask for
	case r.err != nil:
		return t.explain(r.err)
	}
	facts := make(map[string]string)
	for _, info := range r.infos {
		readInfo(facts, info)
	}
	return t.judge(facts)
}

// ask returns what the server says of itself.
func (t *target) ask(ctx context.Context, rdb redis.UniversalClient) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*t.client.DialTimeout) // to connect, and to ask
	defer cancel()
	cmds, err := rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, section := range []string{"server", "replication", "persistence"} {
			p.Info(ctx, section)
		}
		return nil
	})
	infos := make([]string, 0, len(cmds))
	for _, cmd := range cmds {
		infos = append(infos, cmd.(*redis.StringCmd).Val())
	}
	return infos, err
}

// readInfo adds the lines of an INFO to facts.
func readInfo(facts map[string]string, info string) {
	for line := range strings.Lines(info) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			facts[name] = value
		}
	}
}

// judge returns why a server of which facts are known will not do.
func (t *target) judge(facts map[string]string) error {
	switch mode := facts["redis_mode"]; {
	case mode == "sentinel":
		return invalid("this is a Sentinel: want redis+sentinel://HOST:PORT/MASTER")
	case mode == "cluster" && t.topology != cluster:
		return invalid("this is a node of a Cluster: want redis+cluster://")
	case mode == "standalone" && t.topology == cluster:
		return invalid("this is no Cluster: want redis://")
	}
	if err := t.judgeVersion(facts["redis_version"]); err != nil {
		return err
	}
	switch {
	case facts["loading"] == "1" || facts["async_loading"] == "1":
		return fmt.Errorf("%w: the server is loading its data", driver.ErrUnavailable)
	case facts["role"] == "slave" && t.topology == standalone:
		return invalid("this is a read-only replica of %s:%s: want the primary, or redis+sentinel://",
			facts["master_host"], facts["master_port"])
	}
	return nil
}

// judgeVersion refuses a server that lacks a command: ZRANGE BYSCORE came with Redis
// 6.2, and SPUBLISH, which tells waiters in a Cluster, with 7.
func (t *target) judgeVersion(version string) error {
	least, what := [2]int{6, 2}, "Redis"
	if t.topology == cluster && !t.setNX {
		least, what = [2]int{7, 0}, "a Cluster with Redis"
	}
	var major, minor int
	if n, _ := fmt.Sscanf(version, "%d.%d", &major, &minor); n == 0 {
		return nil // not Redis, but something that speaks like it
	}
	if major < least[0] || major == least[0] && minor < least[1] {
		return invalid("version %s: want %s %d.%d or later", version, what, least[0], least[1])
	}
	return nil
}

// explain says what went wrong at the first contact.
func (t *target) explain(err error) error {
	text := err.Error()
	switch {
	case redis.IsAuthError(err) && strings.Contains(text, "NOAUTH"):
		return invalid("the server wants a password: %s", text)
	case redis.IsAuthError(err) || strings.Contains(text, "AUTH <password> called without any password"):
		return invalid("wrong user or password: %s", text)
	case strings.Contains(text, "DB index is out of range"):
		return invalid("database %d: the server has no such one", t.client.DB)
	case strings.Contains(text, "SELECT is not allowed in cluster mode"):
		return invalid("database %d: this is a node of a Cluster: want redis+cluster://", t.client.DB)
	case strings.Contains(text, "cluster support disabled"):
		return invalid("this is no Cluster: want redis://")
	case strings.Contains(text, "unknown command") && t.topology == sentinel:
		return invalid("this is no Sentinel: want redis://")
	case errors.Is(err, redis.Nil) && t.topology == sentinel:
		return invalid("the Sentinels know no master called %q", t.client.MasterName)
	case strings.Contains(text, "x509: "):
		return invalid("the server's certificate is not trusted: %s", text)
	case redis.IsLoadingError(err):
		return fmt.Errorf("%w: the server is loading its data", driver.ErrUnavailable)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: no answer within %v", driver.ErrUnavailable, t.client.DialTimeout)
	}
	return fmt.Errorf("%w: %s", driver.ErrUnavailable, strings.ReplaceAll(text, "\n", "; "))
}
