package rediskey

import (
	"strings"
	"testing"
)

var keys = []string{
	"", "a", "stock:42", "{a}", "{a}b", "b{a}", "{}", "{}a", "a}", "}a{", "a{b", "a{b}c{d}", "{a}:fence", "{a}:fence:a",
	"}", "{", "}{", "{{a}}", "a\x00", "日本語}", strings.Repeat("x", 512) + "}",
}

func TestBesideIsInTheSameSlot(t *testing.T) {
	t.Parallel()
	for _, key := range keys {
		beside := Beside(key, ":fence")
		if got, want := slot(hashed(beside)), slot(hashed(key)); got != want {
			t.Errorf("%q is in slot %d, and %q in %d", beside, got, key, want)
		}
	}
}

func TestBesideIsDifferentForAnyTwoKeys(t *testing.T) {
	t.Parallel()
	seen := make(map[string]string)
	for _, key := range keys {
		for _, suffix := range []string{":fence", ":released:x"} {
			beside := Beside(key, suffix)
			if other, ok := seen[beside]; ok {
				t.Errorf("%q belongs to %q and to %q%s", beside, other, key, suffix)
			}
			seen[beside] = key + suffix
		}
	}
}

// The slots are those that CLUSTER KEYSLOT returns.
func TestSlot(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]uint16{"": 0, "123456789": 0x31c3, "foo": 12182, "bar": 5061, "hello": 866} {
		if got := slot(text); got != want {
			t.Errorf("slot of %q: %d, want %d", text, got, want)
		}
	}
}
