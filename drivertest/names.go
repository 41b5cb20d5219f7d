package drivertest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/driver"
)

// oddNames are names that some engine or query language gives a meaning to. Those
// next to each other are the same to somebody who folds, trims or escapes.
var oddNames = []string{
	"a", "A", "a ", " a", "a\x00", "a\x00b", "a\n", "a\t",
	"ä", "a\u0308", "Ä", "ß", "ss", "日本語", "🔒", "\u200b", "\u202eabc", "İ", "ı", "i",
	"a/b", "a//b", "a/b/", "/a/b", "./a", "../a", "a/../b", "a\\b", "a\\\\b",
	"{a}", "{a}b", "{}", "a{b", "[a]", "a:b", "a.b", "a*", "a?", "a#b", "a&b=c", "a+b", "a%2Fb", "a%b", "a_b", "a\\%b", "a\\_b",
	"'a'", "''", `"a"`, "`a`", "a;b", "a--", "a/*b*/", "$1", "?1", ":a", "@a", "%s", "%!d", "a'b\"c`d",
	"null", "NULL", "0", "00", "-1", "1e3", "0x10", "true", "a,b", "a|b", "a=b", "<a>", "~", "\u007f", "\ufffd", "\ufeffa",
}

// usable are the odd names that the engine says it can take.
func (e *env) usable(t testing.TB, names []string) (usable []string) {
	t.Helper()
	for _, name := range names {
		if check := e.traits.CheckName; check != nil && check(e.name(name)) != nil {
			continue
		}
		usable = append(usable, e.name(name))
	}
	return usable
}

// longest returns names of exactly 512 bytes that differ in their last one.
func (e *env) longest() []string {
	text := strings.Repeat("x", 511-len(e.prefix)) // the prefix comes before
	return []string{text + "1", text + "2"}
}

// Every name is a lock of its own, and comes back from Inspect and List as it was
// given.
func namesOdd(t *testing.T, e *env) {
	d := e.open(t)
	names := e.usable(t, append(e.longest(), oddNames...))
	var leases []driver.Lease
	for _, name := range names {
		leases = append(leases, e.acquire(t, d, e.request(name, noWait)))
	}
	for _, name := range names {
		e.isHeld(t, d, name)
	}
	if inspector, ok := e.look.(driver.Inspector); ok {
		var listed []string
		states, err := inspector.List(t.Context(), e.prefix)
		if err != nil {
			t.Fatalf("List: %v", err)
		}
		for _, state := range states {
			listed = append(listed, state.Name)
		}
		slices.Sort(names)
		if diff := cmp.Diff(names, listed); diff != "" {
			t.Errorf("names (-locked +listed):\n%s", diff)
		}
		for _, lease := range leases {
			e.heldBy(t, lease.Name, lease)
		}
	}
	for i, renewal := range d.Renew(t.Context(), leases) {
		if renewal.Err != nil {
			t.Errorf("Renew of %q: %v", leases[i].Name, renewal.Err)
		}
	}
	for _, lease := range leases {
		e.release(t, d, lease.Request)
		e.isFree(t, d, lease.Name)
	}
}

// What is no name is refused before the driver sees it.
func namesInvalid(t *testing.T, e *env) {
	client := e.client(t, nil)
	invalid := map[string]string{
		"empty": "", "513 bytes": strings.Repeat("x", 513), "not UTF-8": "a\xff", "half a character": "日"[:2],
	}
	if check := e.traits.CheckName; check != nil {
		for _, name := range oddNames {
			if check(e.name(name)) != nil {
				invalid["refused by the driver"] = e.name(name)
			}
		}
	}
	for what, name := range invalid {
		_, err := client.Lock(t.Context(), name)
		wantErr(t, "Lock of a name that is "+what, err, pawl.ErrInvalidName)
		_, err = client.Inspect(t.Context(), name)
		wantErr(t, "Inspect of a name that is "+what, err, pawl.ErrInvalidName)
		wantErr(t, "Break of a name that is "+what, client.Break(t.Context(), name), pawl.ErrInvalidName)
	}
}

// A thousand locks at once, of one client.
func namesMany(t *testing.T, e *env) {
	const n, workers = 1000, 4
	client, other := e.client(t, nil), e.open(t)
	locks := make([]*pawl.Lock, n)
	inParallel(t, workers, func(worker int) error {
		for i := worker; i < n; i += workers {
			lock, err := client.Lock(t.Context(), e.name(fmt.Sprintf("stock:%d", i)))
			if err != nil {
				return err
			}
			locks[i] = lock
		}
		return nil
	})
	for _, i := range []int{0, n / 2, n - 1} {
		e.isHeld(t, other, locks[i].Name())
	}
	if inspector, ok := e.look.(driver.Inspector); ok {
		states, err := inspector.List(t.Context(), e.prefix)
		if err != nil || len(states) != n {
			t.Errorf("List: %d names and %v, want %d", len(states), err, n)
		}
	}
	inParallel(t, workers, func(worker int) error {
		for i := worker; i < n; i += workers {
			if err := locks[i].Unlock(); err != nil {
				return err
			}
		}
		return nil
	})
}

// List takes its prefix as it is, whatever it means to the engine.
func listPrefix(t *testing.T, e *env) {
	d := e.open(t)
	inspector := d.(driver.Inspector)
	names := e.usable(t, []string{
		"a", "A", "ab", "a%b", "a%bc", "axb", "a_b", "a\\b", "a\\%b", "a*b", "a?b", "a[b]", "ä", "b", "a/b", "a/b/c", "'", "{a}", "a\x00b", "a\x00",
	})
	var leases []driver.Lease
	for _, name := range names {
		leases = append(leases, e.acquire(t, d, e.request(name)))
	}
	for _, prefix := range []string{
		"", "a", "A", "a%", "a_", "a\\", "a\\%", "a*", "a?", "a[", "a[b]", "[", "%", "_", "*", "ä", "a/", "a/b/", "'", "{", "{a}", "a\x00", "none",
	} {
		prefix = e.name(prefix)
		var want, got []string
		for _, name := range names {
			if strings.HasPrefix(name, prefix) {
				want = append(want, name)
			}
		}
		slices.Sort(want)
		states, err := inspector.List(t.Context(), prefix)
		if err != nil {
			t.Fatalf("List of %q: %v", prefix, err)
		}
		for _, state := range states {
			got = append(got, state.Name)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("List of %q (-want +got):\n%s", prefix, diff)
		}
	}
	for _, lease := range leases {
		e.release(t, d, lease.Request)
	}
}
