package driver

import "context"

// Checker is a Driver that can judge whether its engine is set up to keep locks.
type Checker interface {
	// Check returns what it has looked at, the good news included. An error means that
	// it could not look.
	Check(ctx context.Context) ([]Finding, error)
}

// Level says how bad a Finding is.
type Level uint8

const (
	// Fine: as it should be.
	Fine Level = iota
	// Warning: locks work, with a weakness that Text names.
	Warning
	// Problem: locks fail, or do not exclude.
	Problem
)

// String returns "ok", "warning" or "problem".
func (l Level) String() string { return [...]string{"ok", "warning", "problem"}[l] }

// Version is the What of a Finding whose Text is the name and the version of the engine,
// such as "Redis 7.0.15". A server of several may have one each.
const Version = "version"

// Finding is one thing that a Checker has looked at.
type Finding struct {
	Level Level
	// What was looked at, in a word or two: "eviction". The finding [Version] names the
	// engine.
	What string
	// Text says what was found and, where something is wrong, what follows from it and
	// what to do.
	Text string
}
