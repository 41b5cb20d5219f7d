package etcdlock

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/pawl-go/pawl/driver"
)

const (
	// slowSync is what 99 % of the syncs of the log should stay under. etcd's manual says
	// 10 ms; the next bound of its histogram is this.
	slowSync = 8 * time.Millisecond
	// quota is etcd's default size of the data, at which it stops taking writes.
	quota = 2 << 30
	// metricsWait bounds the reading of one member's metrics, which may be out of reach.
	metricsWait = time.Second
)

// Check looks at the cluster and at each member: versions, leader, alarms, size of the
// data, the disk as far as metrics can be read, the shortest TTL, and whether this user may
// write. The clock does not matter to etcd. What it writes is an etcd lease and a
// key, which it removes.
func (c *conn) Check(ctx context.Context) ([]driver.Finding, error) {
	if c.ctx.Err() != nil {
		return nil, driver.ErrClosed
	}
	var members []*pb.Member
	err := c.call(ctx, func(ctx context.Context) error {
		resp, err := c.etcd.MemberList(ctx)
		if err == nil {
			members = resp.Members
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	findings := []driver.Finding{size(len(members))}
	answered := make(map[uint64]*clientv3.StatusResponse) // by member
	for _, m := range members {
		of, status := c.examine(ctx, m)
		if status != nil {
			answered[m.ID] = status
		}
		findings = append(findings, of...)
	}
	findings = append(findings, versions(answered), quorum(answered, members), c.alarms(ctx), c.shortestTTL(ctx), c.mayWrite(ctx))
	return findings, ctx.Err()
}

func size(n int) driver.Finding {
	f := driver.Finding{What: "members", Text: strconv.Itoa(n)}
	switch {
	case n == 1:
		f.Level, f.Text = driver.Warning, "1: while it is down no lock can be had, and those that are held are lost; three survive the loss of one"
	case n%2 == 0:
		f.Level, f.Text = driver.Warning, fmt.Sprintf("%d: no more may fail than of %d", n, n-1)
	}
	return f
}

// versions says which etcd it is: more than one while a cluster is being upgraded.
func versions(answered map[uint64]*clientv3.StatusResponse) driver.Finding {
	var texts []string
	for _, status := range answered {
		texts = append(texts, "etcd "+status.Version)
	}
	slices.Sort(texts)
	return driver.Finding{What: driver.Version, Text: cmp.Or(strings.Join(slices.Compact(texts), ", "), "no member has told it")}
}

// quorum says whether there is a leader, and whether one more member may fail.
func quorum(answered map[uint64]*clientv3.StatusResponse, members []*pb.Member) driver.Finding {
	i := slices.IndexFunc(members, func(m *pb.Member) bool { return answered[m.ID] != nil && answered[m.ID].Leader == m.ID })
	switch {
	case i < 0:
		return driver.Finding{Level: driver.Problem, What: "leader", Text: "none that answers: while there is none, locks can neither be had nor renewed"}
	case len(members) > 1 && len(answered) <= len(members)/2+1:
		return driver.Finding{Level: driver.Warning, What: "leader", Text: members[i].Name + "; one member less, and there is none"}
	}
	return driver.Finding{What: "leader", Text: members[i].Name}
}

// examine looks at one member, and returns its status when it answers.
func (c *conn) examine(ctx context.Context, m *pb.Member) ([]driver.Finding, *clientv3.StatusResponse) {
	if len(m.ClientURLs) == 0 {
		return []driver.Finding{{Level: driver.Warning, What: "member", Text: "one has not been started yet"}}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout/tries)
	defer cancel()
	status, err := c.etcd.Status(ctx, m.ClientURLs[0])
	if err != nil {
		return []driver.Finding{{Level: driver.Warning, What: "member", Text: fmt.Sprintf("%s at %s: %v", m.Name, m.ClientURLs[0], explain(err))}}, nil
	}
	findings := []driver.Finding{{What: "member", Text: fmt.Sprintf("%s: etcd %s, term %d", m.Name, status.Version, status.RaftTerm)}, dataSize(m.Name, status.DbSize)}
	return append(findings, disk(ctx, m)), status
}

func dataSize(member string, bytes int64) driver.Finding {
	f := driver.Finding{What: "data", Text: fmt.Sprintf("%s: %.1f MB", member, float64(bytes)/1e6)}
	if bytes > quota*3/4 {
		f.Level = driver.Warning
		f.Text += "; at its quota, 2 GB by default, etcd takes no more writes: compact (auto-compaction-retention) and defragment"
	}
	return f
}

// disk judges how long syncs of the log take, where metrics can be read.
func disk(ctx context.Context, m *pb.Member) driver.Finding {
	under, total, err := syncs(ctx, m.ClientURLs[0])
	switch {
	case err != nil:
		return driver.Finding{What: "disk", Text: fmt.Sprintf("%s: not known: its metrics cannot be read", m.Name)}
	case total > 0 && under < 0.99*total:
		return driver.Finding{Level: driver.Warning, What: "disk", Text: fmt.Sprintf("%s: %.1f %% of the syncs of its log took over %v: every lock waits for them; give it a faster disk of its own",
			m.Name, 100*(1-under/total), slowSync)}
	}
	return driver.Finding{What: "disk", Text: fmt.Sprintf("%s: %.1f %% of the syncs of its log within %v", m.Name, 100*under/max(total, 1), slowSync)}
}

// syncs reads how many syncs of the log took no longer than slowSync, and how many there
// were.
func syncs(ctx context.Context, member string) (under, total float64, err error) {
	ctx, cancel := context.WithTimeout(ctx, metricsWait)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, member+"/metrics", http.NoBody)
	if err != nil {
		return 0, 0, err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return 0, 0, errors.New(response.Status)
	}
	return readSyncs(response.Body)
}

// alarms tells what keeps the cluster from taking writes.
func (c *conn) alarms(ctx context.Context) driver.Finding {
	var active []string
	err := c.call(ctx, func(ctx context.Context) error {
		resp, err := c.etcd.AlarmList(ctx)
		if err == nil {
			active = nil
			for _, a := range resp.Alarms {
				active = append(active, a.Alarm.String())
			}
		}
		return err
	})
	switch {
	case err != nil:
		return driver.Finding{What: "alarms", Text: "not known: " + err.Error()}
	case len(active) == 0:
		return driver.Finding{What: "alarms", Text: "none"}
	}
	return driver.Finding{Level: driver.Problem, What: "alarms", Text: strings.Join(active, ", ") +
		": etcd takes no writes, so no lock can be had; after NOSPACE compact, defragment, and `etcdctl alarm disarm`"}
}

// shortestTTL tells what the servers raise TTLs to.
func (c *conn) shortestTTL(ctx context.Context) driver.Finding {
	id, granted, _, err := c.grantLease(ctx, 1)
	if err != nil {
		return driver.Finding{Level: driver.Problem, What: "TTL", Text: "no etcd lease to be had: " + err.Error()}
	}
	_, _ = c.etcd.Revoke(ctx, id) // or it runs out
	least := time.Duration(granted) * time.Second
	if least > minTTL {
		return driver.Finding{Level: driver.Warning, What: "TTL", Text: fmt.Sprintf(
			"the shortest is %v, by the election timeout: shorter ones are refused, and one who has died in line holds it up for as long", least)}
	}
	return driver.Finding{What: "TTL", Text: fmt.Sprintf("from %v", max(least, minTTL))}
}

// mayWrite tries a key of pawl's own.
func (c *conn) mayWrite(ctx context.Context) driver.Finding {
	key := c.keys.gone("pawl doctor")
	_, err := c.commit(ctx, txn{then: []*pb.RequestOp{put(key, "", 0)}})
	if err == nil {
		_, err = c.commit(ctx, txn{then: []*pb.RequestOp{drop(key)}})
	}
	if err != nil {
		return driver.Finding{Level: driver.Problem, What: "access", Text: "writing is refused: " + err.Error()}
	}
	return driver.Finding{What: "access", Text: fmt.Sprintf("may write below %q", c.keys.prefix+own)}
}

// readSyncs reads the histogram of the syncs of the log.
func readSyncs(metrics io.Reader) (under, total float64, err error) {
	lines := bufio.NewScanner(metrics)
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), " ")
		switch key {
		case `etcd_disk_wal_fsync_duration_seconds_bucket{le="0.008"}`:
			under, err = strconv.ParseFloat(value, 64)
		case "etcd_disk_wal_fsync_duration_seconds_count":
			total, err = strconv.ParseFloat(value, 64)
		}
		if err != nil {
			return 0, 0, err
		}
	}
	return under, total, lines.Err()
}
