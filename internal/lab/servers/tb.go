package servers

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// tb lets testserver start a server outside of a test.
type tb struct {
	ctx context.Context
	set *Set
}

// stopped is the panic by which Fatal and Skipf leave the start of a server.
type stopped struct{ err error }

// run calls start, which may end in Fatal or Skipf.
func (t *tb) run(start func()) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case stopped:
			err = p.err
		default:
			panic(p)
		}
	}()
	start()
	return nil
}

func (t *tb) Helper() {}

func (t *tb) Context() context.Context { return t.ctx }

func (t *tb) Cleanup(end func()) {
	t.set.mu.Lock()
	defer t.set.mu.Unlock()
	t.set.ends = append(t.set.ends, end)
}

func (t *tb) TempDir() string {
	dir, err := os.MkdirTemp("", "pawl-lab-server-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func (t *tb) Failed() bool { return false }

func (t *tb) Logf(string, ...any) {}

func (t *tb) Skipf(format string, args ...any) {
	panic(stopped{missingError(fmt.Sprintf(format, args...))})
}

func (t *tb) Fatal(args ...any) { panic(stopped{errors.New(fmt.Sprint(args...))}) }

func (t *tb) Fatalf(format string, args ...any) { panic(stopped{fmt.Errorf(format, args...)}) }
