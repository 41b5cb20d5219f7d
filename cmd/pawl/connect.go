package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/backend"
	"github.com/spf13/cobra"
)

// backendEnv names the backend where no flag does.
const backendEnv = "PAWL_BACKEND"

// addBackendFlag adds the flag that every command which needs a backend has.
func addBackendFlag(cmd *cobra.Command, rawURL *string) {
	cmd.Flags().VarP((*urlFlag)(rawURL), "backend", "b",
		"`URL` of the backend (default $PAWL_BACKEND, or else a SQLite file in the user's state directory)")
}

// urlFlag is a flag for a URL. An empty one, as from a variable that is not set, must
// not stand for the default: that would lock something else.
type urlFlag string

// Set refuses the empty URL.
func (u *urlFlag) Set(text string) error {
	if text == "" {
		return errors.New("want a URL such as sqlite:///path/locks.db")
	}
	*u = urlFlag(text)
	return nil
}

// String returns the URL.
func (u *urlFlag) String() string { return string(*u) }

// Type is what the help calls the value.
func (u *urlFlag) Type() string { return "URL" }

// connect opens the backend that flag, or else the environment, names, and returns
// it with its full URL. Its errors have the exit code that goes with them.
func connect(ctx context.Context, flag string, opts *pawl.Options) (*pawl.Client, string, error) {
	rawURL, err := backendURL(flag)
	if err != nil {
		return nil, "", err
	}
	if u, err := url.Parse(rawURL); err == nil && u.Scheme == "mem" {
		return nil, "", exitWith(codeConfig, "backend %q is of one process and would lock nothing; want one that processes share, such as sqlite:///path/locks.db", u.Redacted())
	}
	client, err := backend.Open(ctx, rawURL, opts)
	if err == nil {
		return client, rawURL, nil
	}
	return nil, "", connectError(ctx, err)
}

// connectError is the failure to open a backend, with its exit code.
func connectError(ctx context.Context, err error) error {
	if errors.Is(err, pawl.ErrUnavailable) || ctx.Err() != nil {
		return &exitError{codeUnavailable, err}
	}
	return &exitError{codeConfig, err}
}

// closeTimeout bounds how long a command that has done its work lets the backend
// keep it.
const closeTimeout = 2 * time.Second

// disconnect closes client. What is not cleaned up by then runs out by itself, so
// that there is nothing to tell.
func disconnect(client *pawl.Client) {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	_ = client.Close(ctx)
}

// backendURL returns the URL to open.
func backendURL(flag string) (string, error) {
	if flag != "" {
		return absolute(flag), nil
	}
	if env := os.Getenv(backendEnv); env != "" {
		return absolute(env), nil
	}
	dir, err := stateDir()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", exitWith(codeConfig, "no place for the default backend: %w; name another one with --backend or %s", err, backendEnv)
	}
	return fileURL(filepath.Join(dir, "locks.db")), nil
}

// stateDir returns the directory of the default backend, by the XDG Base Directory
// Specification: it has a relative $XDG_STATE_HOME ignored.
func stateDir() (string, error) {
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "pawl"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil || !filepath.IsAbs(home) {
		return "", exitWith(codeConfig, "no place for the default backend: neither XDG_STATE_HOME nor a home directory is set; name one with --backend or %s", backendEnv)
	}
	return filepath.Join(home, ".local", "state", "pawl"), nil
}

func fileURL(path string) string {
	path = filepath.ToSlash(path)
	if path[0] != '/' {
		path = "/" + path // C:/...
	}
	return (&url.URL{Scheme: "sqlite", Path: path}).String()
}

// absolute returns rawURL such that it means the same in every directory: the child
// of "pawl run" finds it in its environment and may use it anywhere. What is not a
// relative SQLite URL is returned as it is, right or wrong.
func absolute(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil || u.Scheme != "sqlite" || u.Host != "." && u.Host != ".." {
		return rawURL
	}
	path, err := filepath.Abs(filepath.FromSlash(u.Host + u.Path))
	if err != nil {
		return rawURL
	}
	full, _ := url.Parse(fileURL(path))
	full.User, full.RawQuery, full.Fragment = u.User, u.RawQuery, u.Fragment // to be refused
	return full.String()
}

// identity returns what is the same in all URLs of one backend as far as can be
// told from the URL: without credentials, which have no place in a second
// environment variable, and without symbolic links.
func identity(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return rawURL
	}
	u.User = nil
	if u.Scheme == "sqlite" {
		if path, err := filepath.EvalSymlinks(u.Path); err == nil {
			u.Path, u.RawPath = path, ""
		}
	}
	return u.String()
}

// owner is the text by which people will know this process.
func owner() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown-host"
	}
	return fmt.Sprintf("%s/%d/pawl", host, os.Getpid())
}
