package main

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pawl-go/pawl/internal/testserver"
)

// database is made anew for each turn, so that none begins with the dead rows of another.
const database = "bench"

func startPostgres(s *stage) server {
	addr := testserver.Postgres(s).Addr
	admin, err := pgx.Connect(context.Background(), testserver.PostgresURL(addr, "postgres"))
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = admin.Close(context.Background()) })
	return server{
		url: testserver.PostgresURL(addr, database),
		reset: func(ctx context.Context) error {
			_, dropErr := admin.Exec(ctx, "DROP DATABASE IF EXISTS "+database+" WITH (FORCE)")
			_, createErr := admin.Exec(ctx, "CREATE DATABASE "+database)
			return errors.Join(dropErr, createErr)
		},
		version: func(ctx context.Context) (version string, err error) {
			err = admin.QueryRow(ctx, "SHOW server_version").Scan(&version)
			version, _, _ = strings.Cut(version, " ")
			return "PostgreSQL " + version, err
		},
	}
}

func startMySQL(s *stage) server { return onMySQL(s, "MySQL ", testserver.MySQL(s)) }

func startMariaDB(s *stage) server { return onMySQL(s, "MariaDB ", testserver.MariaDB(s)) }

func onMySQL(s *stage, product string, p *testserver.Process) server {
	admin, err := sql.Open("mysql", testserver.MySQLDSN(p.Addr, ""))
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = admin.Close() })
	return server{
		url: testserver.MySQLURL(p.Addr, database),
		reset: func(ctx context.Context) error {
			_, dropErr := admin.ExecContext(ctx, "DROP DATABASE IF EXISTS "+database)
			_, createErr := admin.ExecContext(ctx, "CREATE DATABASE "+database)
			return errors.Join(dropErr, createErr)
		},
		version: func(ctx context.Context) (version string, err error) {
			err = admin.QueryRowContext(ctx, "SELECT VERSION()").Scan(&version)
			version, _, _ = strings.Cut(version, "-")
			return product + version, err
		},
		requests: func(ctx context.Context) (n float64, err error) {
			var name string
			err = admin.QueryRowContext(ctx, "SHOW GLOBAL STATUS LIKE 'Questions'").Scan(&name, &n)
			return n, err
		},
	}
}
