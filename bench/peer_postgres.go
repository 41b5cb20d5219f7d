package main

import (
	"context"
	"hash/fnv"

	"github.com/jackc/pgx/v5"
)

var advisoryPeer = contender{
	name:     "raw",
	backend:  "postgres-session",
	settings: "pg_advisory_lock and pg_advisory_unlock through pgx, a connection for each worker; no token, no loss detection",
	open: func(_ context.Context, url string) (locker, error) {
		return &apiece{open: func(ctx context.Context) (handle, error) {
			conn, err := pgx.Connect(ctx, url)
			return advisory{conn}, err
		}}, nil
	},
}

type advisory struct{ conn *pgx.Conn }

func (a advisory) lock(ctx context.Context, name string) error {
	_, err := a.conn.Exec(ctx, "SELECT pg_advisory_lock($1)", advisoryKey(name))
	return err
}

func (a advisory) unlock(name string) error {
	_, err := a.conn.Exec(context.Background(), "SELECT pg_advisory_unlock($1)", advisoryKey(name))
	return err
}

func (a advisory) close() error { return a.conn.Close(context.Background()) }

func advisoryKey(name string) int64 {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(name))
	return int64(hash.Sum64())
}

var upsertsPostgres = contender{
	name:     "upserts",
	backend:  "postgres",
	settings: "no lock: INSERT ... ON CONFLICT DO UPDATE of one row of its own, autocommit, a connection for each worker",
	plays:    []string{"own-key"},
	open: func(ctx context.Context, url string) (locker, error) {
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			return nil, err
		}
		defer func() { _ = conn.Close(ctx) }()
		_, err = conn.Exec(ctx, "CREATE TABLE IF NOT EXISTS plain (k text PRIMARY KEY, v bigint NOT NULL)")
		return &apiece{open: func(ctx context.Context) (handle, error) {
			conn, err := pgx.Connect(ctx, url)
			return pgUpsert{advisory{conn}}, err
		}}, err
	},
}

type pgUpsert struct{ advisory }

func (u pgUpsert) lock(ctx context.Context, name string) error {
	_, err := u.conn.Exec(ctx, "INSERT INTO plain VALUES ($1, 1) ON CONFLICT (k) DO UPDATE SET v = plain.v + 1", name)
	return err
}

func (pgUpsert) unlock(string) error { return nil }
