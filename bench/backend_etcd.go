package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/pawl-go/pawl/internal/testserver"
)

func startEtcd(s *stage) server {
	addr := testserver.Etcd(s, 1)[0].Addr
	client, err := etcdClient(addr)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = client.Close() })
	return server{
		url: "etcd://" + addr,
		reset: func(ctx context.Context) error {
			_, err := client.Delete(ctx, "\x00", clientv3.WithFromKey())
			return err
		},
		version: func(ctx context.Context) (string, error) {
			text, err := get(ctx, addr, "/version")
			var version struct{ Etcdserver string }
			if err == nil {
				err = json.Unmarshal([]byte(text), &version)
			}
			return "etcd " + version.Etcdserver, err
		},
		requests: func(ctx context.Context) (float64, error) { return messages(ctx, addr) },
	}
}

func etcdClient(addr string) (*clientv3.Client, error) {
	return clientv3.New(clientv3.Config{Endpoints: []string{addr}, Logger: zap.NewNop()})
}

// messages returns how many the server has received: streams, such as that of
// keep-alives, have many in one call.
func messages(ctx context.Context, addr string) (total float64, err error) {
	text, err := get(ctx, addr, "/metrics")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "grpc_server_msg_received_total{") {
			continue
		}
		fields := strings.Fields(line)
		n, err := strconv.ParseFloat(fields[len(fields)-1], 64)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

func get(ctx context.Context, addr, path string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+path, http.NoBody)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", path, response.Status)
	}
	return string(text), err
}
