package pawl_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-go/pawl"
)

func TestInspect(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		a, b := w.client(&pawl.Options{Owner: "alice"}), w.client(&pawl.Options{Owner: "bob"})
		start := time.Now()
		lock := mustLock(t, a, "x", pawl.Note("mine"))
		time.Sleep(time.Second)
		waiting := append(queue(t, 2, b, "x"), queue(t, 1, b, "x", pawl.Shared(), pawl.Note("too"))[0])
		if err := b.Break(t.Context(), "x"); err != nil {
			t.Fatal(err)
		}
		want := pawl.Info{
			Name:    "x",
			Holders: []pawl.Holder{{Owner: "alice", Note: "mine", Token: lock.Token(), Since: start, Until: start.Add(ttl), Broken: true}},
			Waiters: []pawl.Waiter{
				{Owner: "bob", Since: start.Add(time.Second)}, // once for two goroutines
				{Owner: "bob", Shared: true, Note: "too", Since: start.Add(time.Second)},
			},
		}
		got, err := b.Inspect(t.Context(), "x")
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v\n%s", err, diff)
		}
		mustUnlock(t, lock)
		for _, p := range waiting {
			mustUnlock(t, p.got(t))
		}
		if got, err = b.Inspect(t.Context(), "x"); err != nil || !cmp.Equal(got, pawl.Info{Name: "x"}) {
			t.Errorf("nobody uses it: %+v, %v", got, err)
		}
	})
}

func TestInspectSlots(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.client(nil)
		slots := []*pawl.Lock{mustLock(t, c, "gpu", pawl.Slots(3)), mustLock(t, c, "gpu", pawl.Slots(3))}
		reader := mustLock(t, c, "doc", pawl.Shared())
		infos, err := c.List(t.Context(), "")
		if err != nil || len(infos) != 2 || infos[0].Name != "doc" || infos[1].Name != "gpu" {
			t.Fatalf("%+v, %v", infos, err)
		}
		if doc := infos[0]; doc.Slots != 0 || !doc.Holders[0].Shared || doc.Holders[0].Token != reader.Token() {
			t.Errorf("%+v", doc)
		}
		if gpu := infos[1]; gpu.Slots != 3 || len(gpu.Holders) != 2 || gpu.Holders[0].Token != 0 {
			t.Errorf("%+v", gpu)
		}
		if infos, err = c.List(t.Context(), "g"); err != nil || len(infos) != 1 || infos[0].Name != "gpu" {
			t.Errorf("%+v, %v", infos, err)
		}
		mustUnlock(t, slots[0], slots[1], reader)
	})
}

func TestBreakAndForceErrors(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.client(nil)
		long := strings.Repeat("n", 513)
		err := c.Break(t.Context(), "x")
		wantErr(t, err, pawl.ErrNotHeld, "x")
		wantOneLine(t, err, pawl.ErrNotHeld, "pawl: break ")
		wantOneLine(t, c.Force(t.Context(), "x"), pawl.ErrNotHeld, "pawl: force ")
		wantErr(t, c.Break(t.Context(), long), pawl.ErrInvalidName, long)
		wantErr(t, c.Force(t.Context(), ""), pawl.ErrInvalidName, "")
		_, err = c.Inspect(t.Context(), "a\x00\xff")
		wantOneLine(t, err, pawl.ErrInvalidName, "pawl: inspect ", "UTF-8")
	})
}
