package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/pawl-go/pawl/internal/testserver"
)

// zkSession is the longest that the server allows, whose tick is half a second.
const zkSession = 10 * time.Second

func startZooKeeper(s *stage) server {
	addr := testserver.ZooKeeper(s, 1)[0].Addr
	return server{
		url:   "zookeeper://" + addr,
		reset: func(context.Context) error { return emptyZooKeeper(addr) },
		version: func(ctx context.Context) (string, error) {
			version, err := zkTells(ctx, addr, "srvr", "Zookeeper version: ")
			version, _, _ = strings.Cut(version, "-")
			return "ZooKeeper " + version, err
		},
		requests: func(ctx context.Context) (float64, error) {
			n, err := zkTells(ctx, addr, "mntr", "zk_packets_received\t")
			if err != nil {
				return 0, err
			}
			return strconv.ParseFloat(n, 64)
		},
	}
}

// zkTells sends one of the server's commands of four letters, and returns what follows
// label in the answer.
func zkTells(ctx context.Context, addr, command, label string) (string, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, command); err != nil {
		return "", err
	}
	text, err := io.ReadAll(conn)
	_, value, found := strings.Cut(string(text), label)
	if err == nil && !found {
		err = fmt.Errorf("ZooKeeper's %s tells no %q", command, label)
	}
	value, _, _ = strings.Cut(value, "\n")
	return value, err
}

// zkConnect returns a client that says nothing.
func zkConnect(addr string) (*zk.Conn, error) {
	conn, _, err := zk.Connect([]string{addr}, zkSession, zk.WithLogger(silence{}), zk.WithLogInfo(false))
	return conn, err
}

type silence struct{}

func (silence) Printf(string, ...any) {}

// emptyZooKeeper deletes all but the server's own.
func emptyZooKeeper(addr string) error {
	conn, err := zkConnect(addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	var all []any
	if err := deletions(conn, "/", &all); err != nil {
		return err
	}
	for some := range slices.Chunk(all, 1000) { // a request has at most 1 MiB
		if _, err := conn.Multi(some...); err != nil {
			return err
		}
	}
	return nil
}

// deletions adds those of the nodes under path, children first.
func deletions(conn *zk.Conn, path string, all *[]any) error {
	children, _, err := conn.Children(path)
	if errors.Is(err, zk.ErrNoNode) { // a session has ended meanwhile
		return nil
	}
	for _, name := range children {
		child := strings.TrimSuffix(path, "/") + "/" + name
		if child == "/zookeeper" {
			continue
		}
		if err := deletions(conn, child, all); err != nil {
			return err
		}
		*all = append(*all, &zk.DeleteRequest{Path: child, Version: -1})
	}
	return err
}
