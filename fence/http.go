package fence

import (
	"context"
	"errors"
	"net/http"
)

// Store remembers the largest token of each resource.
type Store interface {
	// Raise remembers token for resource, or returns an error that matches ErrStale,
	// and changes nothing, when a larger one is remembered. Check and change are one
	// step, however many call at once.
	Raise(ctx context.Context, resource string, token uint64) error
}

// HTTP is middleware that lets a request through only if no request with a newer
// token for the same resource came before. Every request that reaches it is checked,
// whatever its method: wrap what writes, and the reads that these writes rest on.
//
// Answers of its own, each with a line of text:
//
//	412 Precondition Failed    the token is older than one that was seen
//	428 Precondition Required  there is no Fencing-Token header
//	400 Bad Request            the header is not one number from 1 to 1<<63-1
//	503 Service Unavailable    the store cannot tell
//
// Checking at the door is not enough when requests run side by side: one that has
// passed could write after a newer one. So HTTP lets the requests for one resource
// through one after another, in this process. With several processes behind one
// address, check the token with SQL or SideTable in the transaction that writes as
// well; FromHeader has it.
type HTTP struct {
	// Store remembers the tokens; nil means a new Memory for each Wrap.
	Store Store
	// Resource tells what a request writes; nil means its URL.Path. Whatever is
	// protected by one lock is one resource.
	Resource func(*http.Request) string
	// Concurrent lets requests for one resource run side by side, for handlers that
	// check the token once more in their transaction.
	Concurrent bool
}

// Wrap returns next behind the check.
func (h HTTP) Wrap(next http.Handler) http.Handler {
	if h.Store == nil {
		h.Store = new(Memory)
	}
	if h.Resource == nil {
		h.Resource = func(r *http.Request) string { return r.URL.Path }
	}
	g := &gate{HTTP: h, next: next}
	return http.HandlerFunc(g.serve)
}

// gate is one wrapped handler.
type gate struct {
	HTTP
	next  http.Handler
	turns turns
}

func (g *gate) serve(w http.ResponseWriter, r *http.Request) {
	token, err := FromHeader(r)
	if err != nil {
		refuse(w, err)
		return
	}
	resource := g.Resource(r)
	if !g.Concurrent {
		// The turn comes before the check: the order of tokens is then the order of
		// the writes.
		done, err := g.turns.take(r.Context(), resource)
		if err != nil {
			return // the client is gone
		}
		defer done()
	}
	if err := g.Store.Raise(r.Context(), resource, token); err != nil {
		refuse(w, err)
		return
	}
	g.next.ServeHTTP(w, r)
}

func refuse(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, ErrStale):
		http.Error(w, err.Error(), http.StatusPreconditionFailed)
	case errors.Is(err, ErrNoToken):
		http.Error(w, err.Error(), http.StatusPreconditionRequired)
	case errors.Is(err, ErrInvalidToken):
		http.Error(w, err.Error(), http.StatusBadRequest)
	default: // the reason may name hosts and tables: not the client's business
		http.Error(w, "the fencing token cannot be checked at the moment", http.StatusServiceUnavailable)
	}
}
