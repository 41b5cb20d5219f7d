package fence_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/pawl-go/pawl/fence"
)

var ok = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })

// request sends one with these Fencing-Token headers to path.
func request(t *testing.T, h http.Handler, path string, tokens ...string) int {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, http.NoBody)
	for _, token := range tokens {
		r.Header.Add(fence.Header, token)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}

func TestHTTP(t *testing.T) {
	t.Parallel()
	h := fence.HTTP{}.Wrap(ok)
	steps := []struct {
		name   string
		path   string
		tokens []string
		want   int
	}{
		{"first", "/stock/42", []string{"5"}, 200},
		{"again", "/stock/42", []string{"5"}, 200},
		{"older", "/stock/42", []string{"4"}, 412},
		{"other resource", "/stock/43", []string{"4"}, 200},
		{"newer", "/stock/42", []string{"9223372036854775807"}, 200},
		{"missing", "/stock/43", nil, 428},
		{"empty", "/stock/43", []string{""}, 400},
		{"a slot's", "/stock/43", []string{"0"}, 400},
		{"signed", "/stock/43", []string{"+5"}, 400},
		{"negative", "/stock/43", []string{"-5"}, 400},
		{"text", "/stock/43", []string{"five"}, 400},
		{"too large", "/stock/43", []string{"9223372036854775808"}, 400},
		{"two", "/stock/43", []string{"5", "6"}, 400},
		{"none of these was remembered", "/stock/43", []string{"4"}, 200},
	}
	for _, step := range steps {
		if got := request(t, h, step.path, step.tokens...); got != step.want {
			t.Errorf("%s: %d, want %d", step.name, got, step.want)
		}
	}
}

func TestHTTPResource(t *testing.T) {
	t.Parallel()
	h := fence.HTTP{Resource: func(r *http.Request) string { return r.URL.Query().Get("sku") }}.Wrap(ok)
	for _, step := range []struct {
		path, token string
		want        int
	}{{"/buy?sku=1", "5", 200}, {"/return?sku=1", "4", 412}, {"/buy?sku=2", "4", 200}} {
		if got := request(t, h, step.path, step.token); got != step.want {
			t.Errorf("%s: %d, want %d", step.path, got, step.want)
		}
	}
}

type brokenStore struct{}

func (brokenStore) Raise(context.Context, string, uint64) error {
	return errors.New("db-7.internal: connection refused")
}

func TestHTTPStoreFails(t *testing.T) {
	t.Parallel()
	h := fence.HTTP{Store: brokenStore{}}.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the request was let through")
	}))
	if got := request(t, h, "/", "1"); got != 503 {
		t.Errorf("status %d, want 503", got)
	}
}

// The handler of an older token has finished before that of a newer one begins, and
// none begins after it.
func TestHTTPOrdersHandlers(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex // guards running alone: the order is what is tested
	running, last := 0, uint64(0)
	h := fence.HTTP{}.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		token, err := fence.FromHeader(r)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		if running++; running > 1 || token < last {
			t.Errorf("token %d after %d, %d at once", token, last, running)
		}
		last = token
		mu.Unlock()
		mu.Lock()
		running--
		mu.Unlock()
	}))
	var group sync.WaitGroup
	for token := range uint64(64) {
		group.Go(func() {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", http.NoBody)
			fence.SetHeader(r, token+1)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != 200 && w.Code != 412 {
				t.Errorf("status %d", w.Code)
			}
		})
	}
	group.Wait()
	if last != 64 {
		t.Errorf("last token %d, want 64", last)
	}
}

// A client that goes away while it waits for its turn leaves, and its token does not
// count; other resources do not wait at all.
func TestHTTPTurn(t *testing.T) {
	t.Parallel()
	inside, leave := make(chan struct{}), make(chan struct{})
	h := fence.HTTP{}.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" && r.Header.Get(fence.Header) == "1" {
			close(inside)
			<-leave
		}
	}))
	var group sync.WaitGroup
	group.Go(func() { request(t, h, "/slow", "1") })
	<-inside
	if got := request(t, h, "/other", "1"); got != 200 {
		t.Errorf("other resource: %d", got)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequestWithContext(gone, http.MethodPost, "/slow", http.NoBody)
	fence.SetHeader(r, 9)
	h.ServeHTTP(httptest.NewRecorder(), r)
	close(leave)
	group.Wait()
	if got := request(t, h, "/slow", "2"); got != 200 {
		t.Errorf("token 2 after a token 9 that never got its turn: %d", got)
	}
}
