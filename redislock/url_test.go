package redislock

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-go/pawl/driver"
)

func TestParseURL(t *testing.T) {
	t.Parallel()
	type settings struct {
		Topology         topology
		SetNX            bool
		Prefix           string
		Addrs            []string
		User, Password   string
		Master           string
		DB               int
		Timeout          time.Duration
		TLS, Insecure    bool
		TLSName          string
		Retries          int
		ContextTimeoutOn bool
	}
	plain := settings{Addrs: []string{"127.0.0.1:6379"}, Timeout: DefaultTimeout, Retries: -1, ContextTimeoutOn: true}
	with := func(change func(*settings)) settings {
		s := plain
		change(&s)
		return s
	}
	for text, want := range map[string]settings{
		"redis://":          plain,
		"redis://127.0.0.1": plain,
		"redis://:secret@[::1]:7000/15?prefix=app:&timeout=1500ms": with(func(s *settings) {
			s.Addrs, s.Password, s.DB, s.Prefix, s.Timeout = []string{"[::1]:7000"}, "secret", 15, "app:", 1500*time.Millisecond
		}),
		"redis://h/?mode=setnx": with(func(s *settings) { s.Addrs, s.SetNX = []string{"h:6379"}, true }),
		"rediss://me:it%27s%20%40%2F@h:6380?insecure=true": with(func(s *settings) {
			s.Addrs, s.User, s.Password = []string{"h:6380"}, "me", "it's @/"
			s.TLS, s.Insecure, s.TLSName = true, true, "h"
		}),
		"redis+sentinel://h1,h2:7000/main": with(func(s *settings) {
			s.Topology, s.Addrs, s.Master = sentinel, []string{"h1:26379", "h2:7000"}, "main"
		}),
		"redis+sentinel://h1/main/3": with(func(s *settings) {
			s.Topology, s.Addrs, s.Master, s.DB = sentinel, []string{"h1:26379"}, "main", 3
		}),
		"rediss+cluster://me:pw@h1:7001,h2,h3:7003/0": with(func(s *settings) {
			s.Topology, s.Addrs, s.User, s.Password = cluster, []string{"h1:7001", "h2:6379", "h3:7003"}, "me", "pw"
			s.TLS = true
		}),
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		target, err := parseURL(u)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		c := target.client
		got := settings{
			Topology: target.topology, SetNX: target.setNX, Prefix: target.prefix, Addrs: c.Addrs, User: c.Username,
			Password: c.Password, Master: c.MasterName, DB: c.DB, Timeout: c.ReadTimeout, TLS: c.TLSConfig != nil,
			Retries: c.MaxRetries, ContextTimeoutOn: c.ContextTimeoutEnabled,
		}
		if c.TLSConfig != nil {
			got.Insecure, got.TLSName = c.TLSConfig.InsecureSkipVerify, c.TLSConfig.ServerName
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

func TestParseURLRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"redis+mesh://h":                  "want redis, redis+sentinel",
		"http://h":                        "want redis, redis+sentinel",
		"redis:h:6379":                    "want redis://HOST:PORT",
		"redis://h1,h2":                   "2 hosts: want one, or redis+sentinel",
		"redis+cluster://h1,,h2":          `host ""`,
		"redis+cluster://":                `host ""`,
		"redis://h:0":                     `host "h:0"`,
		"redis://h:99999":                 `host "h:99999"`,
		"redis://h/main":                  `database "main": want a number`,
		"redis://h/-1":                    `database "-1": want a number`,
		"redis+sentinel://h":              "NAME-OF-THE-MASTER",
		"redis+cluster://h/1":             "a Cluster has database 0 only",
		"redis://h?ttl=3s":                `unknown parameter "ttl", want one of mode, prefix, timeout`,
		"redis://h?insecure=true":         `unknown parameter "insecure", want one of mode, prefix, timeout`,
		"rediss://h?tls=true":             `want one of mode, prefix, timeout, ca, insecure`,
		"redis://h?prefix=a&prefix=b":     "prefix is given 2 times",
		"redis://h?mode=redlock":          `mode "redlock": want setnx`,
		"redis://h?timeout=3":             `timeout "3": want a duration`,
		"redis://h?timeout=0s":            `timeout "0s": want a duration`,
		"redis://h?a=%zz":                 "parameters",
		"rediss://h?insecure=perhaps":     `insecure "perhaps"`,
		"rediss://h?ca=/no/such/file.pem": "/no/such/file.pem",
		"rediss://h?ca=url_test.go":       "url_test.go holds no certificate",
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		_, err = parseURL(u)
		if !errors.Is(err, driver.ErrInvalidOption) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		target target
		facts  map[string]string
		is     error
		want   string
	}{
		{target{}, map[string]string{"redis_version": "6.2.0", "redis_mode": "standalone", "role": "master", "loading": "0"}, nil, ""},
		{target{}, map[string]string{"redis_version": "10.0.1"}, nil, ""},
		{target{}, map[string]string{}, nil, ""},
		{target{}, map[string]string{"redis_version": "dragonfly"}, nil, ""},
		{target{}, map[string]string{"redis_version": "6.0.16"}, driver.ErrInvalidOption, "want Redis 6.2 or later"},
		{target{}, map[string]string{"redis_version": "5"}, driver.ErrInvalidOption, "want Redis 6.2 or later"},
		{target{topology: cluster}, map[string]string{"redis_version": "6.2.7", "redis_mode": "cluster"}, driver.ErrInvalidOption, "want a Cluster with Redis 7.0 or later"},
		{target{topology: cluster, setNX: true}, map[string]string{"redis_version": "6.2.7", "redis_mode": "cluster", "role": "slave"}, nil, ""},
		{target{}, map[string]string{"redis_version": "7.0.0", "redis_mode": "sentinel"}, driver.ErrInvalidOption, "this is a Sentinel"},
		{target{topology: cluster}, map[string]string{"redis_mode": "standalone"}, driver.ErrInvalidOption, "this is no Cluster"},
		{target{}, map[string]string{"redis_version": "7.0.0", "loading": "1"}, driver.ErrUnavailable, "loading its data"},
	} {
		err := test.target.judge(test.facts)
		if !errors.Is(err, test.is) || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v, %v: %v, want %v with %q", test.target, test.facts, err, test.is, test.want)
		}
	}
}
