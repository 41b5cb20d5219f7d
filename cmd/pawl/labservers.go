package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/pawl-go/pawl/internal/lab"
	"github.com/pawl-go/pawl/internal/lab/servers"
)

// serverNames are the databases that --servers can start.
var serverNames = []string{"postgres", "mysql", "mariadb"}

func isServerName(db string) bool { return slices.Contains(serverNames, db) }

// useServers starts the servers that flags ask for and gives them to session: all lock
// servers, and the database that is named. What it returns stops them.
func useServers(ctx context.Context, session *lab.Session, flags labFlags) (stop func(), err error) {
	if !flags.servers {
		return func() {}, nil
	}
	fmt.Fprintln(os.Stderr, "starting servers")
	set, err := servers.Start(ctx, func(name string) bool {
		return !isServerName(name) || name == session.DB
	})
	if err != nil {
		return nil, err
	}
	for _, missing := range set.Missing {
		fmt.Fprintln(os.Stderr, missing)
	}
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
