package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/pawl-go/pawl/internal/lab"
	"github.com/pawl-go/pawl/internal/lab/servers"
)

// serverNames are the databases that --servers can start.
var serverNames = []string{"postgres", "mysql", "mariadb"}

func isServerName(db string) bool { return slices.Contains(serverNames, db) }

// lockNames are the lock servers that --servers can start.
var lockNames = []string{"redis", "postgres", "mysql", "zookeeper", "etcd"}

// serversTTL is the TTL of locks in runs with a fault beside servers that take their share
// of the machine: renewals are later there.
const serversTTL = 1500 * time.Millisecond

// allServers is --servers without names.
const allServers = "all"

// checkServers returns what is wrong with the names of --servers.
func checkServers(names string) error {
	if names == "" || names == allServers {
		return nil
	}
	for name := range strings.SplitSeq(names, ",") {
		if !slices.Contains(lockNames, name) {
			return fmt.Errorf("--servers: unknown server %q, want some of %s, parted by commas, as in --servers=redis,etcd, or --servers alone", name, strings.Join(lockNames, ","))
		}
	}
	return nil
}

// wanted reports whether --servers wants a server as a lock server. Those that are
// databases too are called "postgres locks" and "mysql locks" then.
func wanted(names, server string) bool {
	name := strings.TrimSuffix(server, " locks")
	return names == allServers || slices.Contains(strings.Split(names, ","), name)
}

// useServers starts the servers that flags ask for and gives them to session: lock
// servers, and the database that is named. What it returns stops them.
func useServers(ctx context.Context, session *lab.Session, flags labFlags) (stop func(), err error) {
	if flags.servers == "" {
		return func() {}, nil
	}
	fmt.Fprintln(os.Stderr, "starting servers")
	set, err := servers.Start(ctx, func(name string) bool {
		if isServerName(name) {
			return name == session.DB
		}
		return wanted(flags.servers, name)
	})
	if err != nil {
		return nil, err
	}
	for _, missing := range set.Missing {
		fmt.Fprintln(os.Stderr, missing)
	}
	session.TTL = serversTTL
	session.Locks = append(session.Locks, set.Locks...)
	if !isServerName(session.DB) {
		return set.Close, nil
	}
	url := set.DBs[session.DB]
	if url == "" {
		set.Close()
		return nil, exitWith(codeUsage, "--db %s: not installed here: %s", session.DB, strings.Join(set.Missing, "; "))
	}
	session.DB, session.MoreDBs = url, set.MoreDBs[session.DB]
	return set.Close, nil
}
