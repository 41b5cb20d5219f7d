package pglock

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pawl-go/pawl/driver"
)

// pool is a small set of connections of the driver's own, so that locks never wait for
// the connections of those who work under them.
type pool struct {
	config  *pgx.ConnConfig
	timeout time.Duration
	seats   chan struct{} // one for each connection in use

	mu     sync.Mutex
	idle   []*session
	closed bool
}

// session is a connection, and what is known of it.
type session struct {
	*pgx.Conn
	// relayed says that something stands between this client and the server that may give
	// each transaction another server connection, so settings last for a transaction only.
	relayed bool
	used    time.Time
}

// step is one statement of a transaction, and what is done with its rows.
type step struct {
	sql  string
	args []any
	read func(rows pgx.Rows) error // nil where they do not matter
}

func newPool(config *pgx.ConnConfig, conns int, timeout time.Duration) *pool {
	return &pool{config: config, timeout: timeout, seats: make(chan struct{}, conns)}
}

// run runs steps as one transaction, in one round trip: nothing that happens to this
// process can leave it half done, with rows locked. It returns when they were sent.
// Where ctx ends first, the connection is closed.
func (p *pool) run(ctx context.Context, steps ...step) (sent time.Time, err error) {
	err = p.with(ctx, func(s *session) error {
		batch := &pgx.Batch{}
		if s.relayed {
			batch.Queue("SELECT set_config('lock_timeout', $1, true)", millis(lockTimeout(p.timeout)))
		}
		for _, step := range steps {
			queued := batch.Queue(step.sql, step.args...)
			if step.read != nil {
				queued.Query(step.read)
			}
		}
		sent = time.Now()
		return s.SendBatch(ctx, batch).Close()
	})
	return sent, err
}

// with lends a connection to do. One that has failed is not used again.
func (p *pool) with(ctx context.Context, do func(*session) error) error {
	select {
	case p.seats <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-p.seats }()
	s, err := p.take(ctx)
	if err != nil {
		return err
	}
	err = do(s)
	p.giveBack(s)
	return err
}

func (p *pool) take(ctx context.Context) (*session, error) {
	for {
		p.mu.Lock()
		if p.closed {
			p.mu.Unlock()
			return nil, driver.ErrClosed
		}
		n := len(p.idle)
		if n == 0 {
			p.mu.Unlock()
			return p.connect(ctx)
		}
		s := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		// A server that was restarted meanwhile has closed it.
		if time.Since(s.used) < time.Second || s.Ping(ctx) == nil {
			return s, nil
		}
		closeConn(s.Conn)
	}
}

func (p *pool) giveBack(s *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.IsClosed() {
		// What has cut one connection has probably cut the others too.
		p.dropIdle()
		return
	}
	if p.closed || s.PgConn().TxStatus() != 'I' {
		closeConn(s.Conn)
		return
	}
	s.used = time.Now()
	p.idle = append(p.idle, s)
}

// connect makes a connection and, where it leads to the server itself, sets it up. Where
// it does not, statements that were prepared on one server connection would be missing on
// the next.
func (p *pool) connect(ctx context.Context) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	for {
		p.mu.Lock()
		config := p.config.Copy()
		p.mu.Unlock()
		conn, err := pgx.ConnectConfig(ctx, config)
		if err != nil {
			return nil, err
		}
		s := &session{Conn: conn, used: time.Now()}
		if err = s.setUp(ctx, p.timeout); err == nil && (!s.relayed || config.DefaultQueryExecMode != pgx.QueryExecModeCacheStatement) {
			return s, nil
		}
		closeConn(conn)
		if err != nil {
			return nil, err
		}
		p.mu.Lock()
		p.config.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
		p.mu.Unlock()
	}
}

// close closes the connections, those that are in use as soon as they are given back.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.dropIdle()
}

func (p *pool) dropIdle() {
	for _, s := range p.idle {
		closeConn(s.Conn)
	}
	p.idle = nil
}

// closeConn closes conn without waiting for a server that may be gone.
func closeConn(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_ = conn.Close(ctx)
}
