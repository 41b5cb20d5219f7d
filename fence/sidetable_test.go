package fence_test

import (
	"errors"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-go/pawl/fence"
)

// checked sets the stock to num in a transaction that the guard lets through.
func (s *shop) checked(t *testing.T, resource string, token uint64, num int) error {
	t.Helper()
	tx, err := s.BeginTx(t.Context(), nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := s.guard.Check(t.Context(), tx, resource, token); err != nil {
		return err
	}
	if _, err := tx.ExecContext(t.Context(), s.q("UPDATE stock SET num = ? WHERE id = 42"), num); err != nil {
		return err
	}
	return tx.Commit()
}

func TestSideTable(t *testing.T) { onEveryEngine(t, sideTable) }

func sideTable(t *testing.T, s *shop) {
	steps := []struct {
		name     string
		resource string
		token    uint64
		want     error
	}{
		{"first", "stock:42", 5, nil},
		{"again", "stock:42", 5, nil},
		{"older", "stock:42", 4, fence.ErrStale},
		{"newer", "stock:42", 6, nil},
		{"the one that was newest", "stock:42", 5, fence.ErrStale},
		{"other case", "STOCK:42", 1, nil},
		{"space at the end", "stock:42 ", 1, nil},
		{"slot", "stock:42", 0, fence.ErrNoToken},
		{"64 bits", "stock:42", math.MaxUint64, fence.ErrInvalidToken},
		{"odd text", `'; DROP TABLE stock; --`, 1, nil},
		{"longest", strings.Repeat("x", 512), 1, nil},
	}
	want := 100
	for i, step := range steps {
		err := s.checked(t, step.resource, step.token, i)
		if !errors.Is(err, step.want) {
			t.Errorf("%s: error %v, want %v", step.name, err, step.want)
		}
		if step.want == nil {
			want = i
		}
		if got := readRow(t, s).Num; got != want {
			t.Errorf("%s: stock %d, want %d", step.name, got, want)
		}
	}
}

func TestSideTableRefusesResources(t *testing.T) { onEveryEngine(t, sideTableRefusesResources) }

func sideTableRefusesResources(t *testing.T, s *shop) {
	for _, resource := range []string{"", "a\x00b", "\xff", strings.Repeat("x", 513)} {
		if err := s.checked(t, resource, 1, 1); err == nil {
			t.Errorf("%d bytes: no error", len(resource))
		}
	}
}

// A transaction that was refused and rolled back leaves the token as it was; so does
// one that was let in and rolled back.
func TestSideTableRollback(t *testing.T) { onEveryEngine(t, sideTableRollback) }

func sideTableRollback(t *testing.T, s *shop) {
	tx, err := s.BeginTx(t.Context(), nil)
	must(t, err)
	must(t, s.guard.Check(t.Context(), tx, "stock:42", 9))
	must(t, tx.Rollback())
	must(t, s.checked(t, "stock:42", 1, 1))
}

func TestSideTableConcurrentWriters(t *testing.T) { onEveryEngine(t, sideTableConcurrentWriters) }

func sideTableConcurrentWriters(t *testing.T, s *shop) {
	s.keepJournal(t)
	const writers, writes = 8, 20
	var group sync.WaitGroup
	for w := range uint64(writers) {
		group.Go(func() {
			for i := range uint64(writes) {
				token := 1 + w + i*writers
				if err := s.checked(t, "stock:42", token, int(token)); err != nil && !errors.Is(err, fence.ErrStale) {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	tokens := s.written(t, "num")
	for i, token := range tokens {
		if i > 0 && token < tokens[i-1] {
			t.Fatalf("token %d wrote after %d", token, tokens[i-1])
		}
	}
	if got := readRow(t, s).Num; got != writers*writes {
		t.Errorf("stock %d, want %d", got, writers*writes)
	}
}

func TestStores(t *testing.T) { onEveryEngine(t, stores) }

func stores(t *testing.T, s *shop) {
	for name, store := range map[string]fence.Store{"memory": new(fence.Memory), "side table": s.guard.Store(s.DB)} {
		t.Run(name, func(t *testing.T) {
			var got []bool
			for _, token := range []uint64{5, 5, 4, 6, 5} {
				err := store.Raise(t.Context(), "r", token)
				if err != nil && !errors.Is(err, fence.ErrStale) {
					t.Fatal(err)
				}
				got = append(got, err == nil)
			}
			if diff := cmp.Diff([]bool{true, true, false, true, false}, got); diff != "" {
				t.Errorf("let in (-want +got):\n%s", diff)
			}
			if err := store.Raise(t.Context(), "r", 0); !errors.Is(err, fence.ErrNoToken) {
				t.Errorf("token 0: %v", err)
			}
			if err := store.Raise(t.Context(), "r", 1<<63); !errors.Is(err, fence.ErrInvalidToken) {
				t.Errorf("token 1<<63: %v", err)
			}
			must(t, store.Raise(t.Context(), "other", 1))
		})
	}
}
