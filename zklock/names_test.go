package zklock

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEscape(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"stock:42": "stock:42", "a/b": "a%2Fb", ".": "%2E", "..": "%2E.", ".a": "%2Ea", "a.": "a.", "50 %": "50 %25",
		"zookeeper": "%7Aookeeper", "a\x00": "a%00", "日本語": "日本語", "🔒": "%F0%9F%94%92", "\ufffd": "%EF%BF%BD", "\u0085": "%C2%85",
	} {
		if got := escape(name); got != want {
			t.Errorf("escape(%q) = %q, want %q", name, got, want)
		}
		if got, ok := unescape(want); !ok || got != name {
			t.Errorf("unescape(%q) = %q, %v", want, got, ok)
		}
	}
	for _, node := range []string{".pawl", "zookeeper", "a%2fb", "%zz", "a%2", "%41", ""} {
		if name, ok := unescape(node); ok {
			t.Errorf("unescape(%q) = %q, and it is no name", node, name)
		}
	}
	if n := len(escape(strings.Repeat("/", 512))); n != 3*512 {
		t.Errorf("the longest is %d bytes", n)
	}
}

func TestLine(t *testing.T) {
	t.Parallel()
	const id = "0f0e0d0c-0b0a-8908-8706-050403020100"
	hex := strings.ReplaceAll(id, "-", "")
	want := []contender{
		{"_c_" + id + "-lock-2147483647", mutexNode, 1<<31 - 1},
		{"_c_" + id + "-__READ__-2147483648", readNode, -1 << 31},
		{"_c_" + id + "-__WRIT__-2147483647", writeNode, -1<<31 + 1},
		{"_c_" + hex + "-lock--2147483646", otherMutex, -1<<31 + 2},
		{hex + "__lock__-2147483645", otherMutex, -1<<31 + 3},
		{hex + "__rlock__-2147483644", otherRead, -1<<31 + 4},
		{"_c_" + id + "-lease--2147483643", leaseNode, -1<<31 + 5},
	}
	children := []string{"locks", "leases", "config", "lock-12", goneNode("x"), "2147483648"}
	for _, c := range want {
		children = append([]string{c.node}, children...)
	}
	if diff := cmp.Diff(want, lineOf(children), cmp.AllowUnexported(contender{})); diff != "" {
		t.Errorf("the line (-want +got):\n%s", diff)
	}
}

func TestBlocker(t *testing.T) {
	t.Parallel()
	line := []contender{{kind: readNode}, {kind: otherRead}, {kind: writeNode}, {kind: readNode}, {kind: readNode}, {kind: otherMutex}}
	for i, want := range []int{-1, -1, 1, 2, 2, 4} {
		if got := blocker(line, i); got != want {
			t.Errorf("%d waits for %d, want %d", i, got, want)
		}
	}
}
