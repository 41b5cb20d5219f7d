package pglock

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// hello is what a client tells itself, to know that it hears.
	hello = "hello"
	// helloTimeout is how long that may take.
	helloTimeout = 2 * time.Second
	// listenAgain is how long to wait before listening is tried again where it does not
	// work, as behind a pooler that gives each transaction another server connection.
	listenAgain = time.Minute
)

// ear is the connection on which this client is told that one of its waiters was granted
// a lock. What it hears are hints: see watcher.
type ear struct {
	watcher *watcher
	hears   atomic.Bool
	once    sync.Once
}

// open begins to listen, once.
func (e *ear) open() {
	e.once.Do(func() { e.watcher.done.Go(e.run) })
}

func (e *ear) run() {
	ctx := e.watcher.table.ctx
	for ctx.Err() == nil {
		deaf := e.listen(ctx)
		e.hears.Store(false)
		if deaf {
			pause(ctx, listenAgain)
		} else {
			pause(ctx, lookListening)
		}
	}
}

// listen listens until the connection breaks, and reports whether it never heard.
func (e *ear) listen(ctx context.Context) (deaf bool) {
	t := e.watcher.table
	s, err := t.pool.connect(ctx)
	if err != nil {
		return false
	}
	defer closeConn(s.Conn)
	channel := pgx.Identifier{e.watcher.channel}.Sanitize()
	if _, err := s.PgConn().Exec(ctx, "LISTEN "+channel).ReadAll(); err != nil {
		return false
	}
	if !e.hearsItself(ctx, s) {
		deaf = !s.IsClosed()
		_, _ = s.PgConn().Exec(ctx, "UNLISTEN "+channel).ReadAll() // a pooler may keep the server's end
		return deaf
	}
	e.hears.Store(true)
	e.watcher.lookNow()
	for {
		notice, err := s.WaitForNotification(ctx)
		if err != nil {
			return false
		}
		e.watcher.told(notice.Payload)
	}
}

// hearsItself sends hello by another connection, while this one does nothing, since a
// pooler may otherwise pass on what it would lose later.
func (e *ear) hearsItself(ctx context.Context, s *session) bool {
	t := e.watcher.table
	ctx, cancel := context.WithTimeout(ctx, helloTimeout)
	defer cancel()
	heard := make(chan bool, 1)
	go func() {
		for {
			notice, err := s.WaitForNotification(ctx)
			if err != nil || notice.Payload == hello {
				heard <- err == nil
				return
			}
			e.watcher.told(notice.Payload)
		}
	}()
	said := step{sql: "SELECT pg_notify($1, $2)", args: []any{e.watcher.channel, hello}}
	if _, err := t.pool.run(ctx, said); err != nil {
		cancel()
	}
	return <-heard
}
