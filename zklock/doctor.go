package zklock

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/pawl-go/pawl/driver"
)

// Check looks at each server by the words srvr and conf, which servers answer that allow them
// (4lw.commands.whitelist; srvr is allowed by default), and at what the session was
// granted. It writes nothing.
func (d *ensemble) Check(ctx context.Context) ([]driver.Finding, error) {
	return within(ctx, d, func(ctx context.Context, s *session) ([]driver.Finding, error) {
		sent := time.Now()
		if err := s.refresh(ctx); err != nil {
			return nil, err
		}
		findings := []driver.Finding{
			{What: "latency", Text: fmt.Sprintf("the leader answers a Sync in %v", time.Since(sent).Round(time.Microsecond))},
			d.examineSession(s),
		}
		for _, addr := range d.servers {
			findings = append(findings, d.examineServer(ctx, addr)...)
		}
		return append(findings, examineCount(len(d.servers))), ctx.Err()
	})
}

func (d *ensemble) examineSession(s *session) driver.Finding {
	f := driver.Finding{What: "session", Text: fmt.Sprintf("timeout %v, so that leases last %v", s.timeout, d.ttl())}
	if s.timeout != d.opts.Session {
		f.Level = driver.Warning
		f.Text += fmt.Sprintf("; %v was asked for: see minSessionTimeout and maxSessionTimeout", d.opts.Session)
	}
	return f
}

// examineCount says what as many servers as the URL names can lose.
func examineCount(n int) driver.Finding {
	switch {
	case n == 1:
		return driver.Finding{Level: driver.Warning, What: "servers", Text: "one is named: when it is away, nobody gets a lock, and leases end; name all of an ensemble"}
	case n%2 == 0:
		return driver.Finding{Level: driver.Warning, What: "servers", Text: fmt.Sprintf("%d are named: an even number bears no more losses than one less", n)}
	}
	return driver.Finding{What: "servers", Text: fmt.Sprintf("%d are named: locks go on while %d of them are away", n, (n-1)/2)}
}

// examineServer asks one server about itself.
func (d *ensemble) examineServer(ctx context.Context, addr string) []driver.Finding {
	text, err := d.ask(ctx, addr, "srvr")
	switch {
	case err != nil:
		return []driver.Finding{{Level: driver.Warning, What: "server", Text: fmt.Sprintf("%s: %v", addr, err)}}
	case strings.Contains(text, "not in the whitelist"):
		return []driver.Finding{{What: "server", Text: addr + ": answers, and does not allow the word srvr"}}
	case !strings.Contains(text, "Mode: "):
		return []driver.Finding{{Level: driver.Problem, What: "server", Text: addr + ": " + strings.TrimSpace(text)}}
	case strings.Contains(text, "Mode: read-only"):
		return []driver.Finding{{Level: driver.Problem, What: "server", Text: addr + ": read-only, as it reaches no majority"}}
	}
	findings := []driver.Finding{
		{What: driver.Version, Text: versionIn(text)},
		{What: "server", Text: fmt.Sprintf("%s: %s, %s", addr, lineWith(text, "Mode: "), lineWith(text, "Latency "))},
	}
	if conf, err := d.ask(ctx, addr, "conf"); err == nil {
		findings = append(findings, d.examineTick(addr, conf)...)
	}
	return findings
}

// examineTick compares the server's tick with the one that trust is reckoned with.
func (d *ensemble) examineTick(addr, conf string) []driver.Finding {
	var ms int
	if _, err := fmt.Sscanf(lineWith(conf, "tickTime="), "tickTime=%d", &ms); err != nil {
		return nil
	}
	tick := time.Duration(ms) * time.Millisecond
	if tick > d.opts.Tick {
		return []driver.Finding{{Level: driver.Problem, What: "tick",
			Text: fmt.Sprintf("%s: tickTime is %v and not %v, so that two may hold after a partition: set tick=%v", addr, tick, d.opts.Tick, tick)}}
	}
	return []driver.Finding{{What: "tick", Text: fmt.Sprintf("%s: %v", addr, tick)}}
}

// lineWith returns the line of text that begins with start.
func lineWith(text, start string) string {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, start) {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

// versionIn returns the version that the answer to srvr begins with, as
// "Zookeeper version: 3.8.0-<revision>, built on <date>".
func versionIn(srvr string) string {
	version := strings.TrimPrefix(lineWith(srvr, "Zookeeper version: "), "Zookeeper version: ")
	version, _, _ = strings.Cut(version, ",")
	version, _, _ = strings.Cut(version, "-")
	return "ZooKeeper " + version
}

// ask sends a four-letter word to the server at addr.
func (d *ensemble) ask(ctx context.Context, addr, word string) (string, error) {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(d.opts.Timeout)
	}
	conn, err := dial("tcp", addr, time.Until(deadline)/2, d.opts.TLS)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(deadline); err != nil {
		return "", err
	}
	if _, err := io.WriteString(conn, word); err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(conn, 1<<16))
	return string(text), err
}
