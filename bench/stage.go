package main

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// stage is the testserver.TB of a program that is no test.
type stage struct {
	ctx      context.Context
	cleanups []func()
	failed   bool
}

// on runs fn on a stage and then cleans up. It returns fn's error or that of what
// failed on the stage; a missing one when a program is not installed.
func on(ctx context.Context, fn func(s *stage) error) (err error) {
	s := &stage{ctx: ctx}
	defer func() {
		for i := len(s.cleanups) - 1; i >= 0; i-- {
			s.cleanups[i]()
		}
	}()
	defer func() {
		switch failure := recover().(type) {
		case nil:
		case stageFailure:
			err = failure
		case missing:
			err = failure
		default:
			panic(failure)
		}
	}()
	return fn(s)
}

// stageFailure is panicked with by Fatal, missing by Skipf.
type (
	stageFailure struct{ error }
	missing      struct{ error }
)

// The methods are testserver.TB's.

func (s *stage) Helper()                  {}
func (s *stage) Context() context.Context { return s.ctx }
func (s *stage) Cleanup(fn func())        { s.cleanups = append(s.cleanups, fn) }
func (s *stage) Failed() bool             { return s.failed }

func (s *stage) Logf(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

func (s *stage) Skipf(format string, args ...any) { panic(missing{fmt.Errorf(format, args...)}) }

func (s *stage) Fatalf(format string, args ...any) { s.Fatal(fmt.Sprintf(format, args...)) }

func (s *stage) Fatal(args ...any) {
	s.failed = true
	panic(stageFailure{errors.New(fmt.Sprint(args...))})
}

func (s *stage) TempDir() string {
	dir, err := os.MkdirTemp("", "pawl-bench-")
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
