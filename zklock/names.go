package zklock

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// escape returns the znode of name: name itself where ZooKeeper can take it, so that
// users of Curator can write the path down, and otherwise name with the bytes of every
// character that it cannot take, and of "%", as %XX. No two names have one znode.
func escape(name string) string {
	if name == "zookeeper" {
		return "%7Aookeeper" // the servers' own, at the root
	}
	var b strings.Builder
	for i := 0; i < len(name); {
		r, size := utf8.DecodeRuneInString(name[i:])
		if allowed(r) && (i > 0 || r != '.') {
			b.WriteString(name[i : i+size])
		} else {
			for _, c := range []byte(name[i : i+size]) {
				fmt.Fprintf(&b, "%%%02X", c)
			}
		}
		i += size
	}
	return b.String()
}

// allowed reports whether r may stand in a znode's name. The ranges are those of
// ZooKeeper's PathUtils, which looks at UTF-16: what needs two units there is refused.
// A dot is refused by ZooKeeper only where it is the whole name, or two are; escape
// keeps it from the beginning, which leaves names with one at the beginning to us.
func allowed(r rune) bool {
	switch {
	case r == '/', r == '%', r <= 0x1f, r >= 0x7f && r <= 0x9f:
		return false
	case r >= 0xd800 && r <= 0xf8ff, r >= 0xfff0:
		return false
	}
	return true
}

// unescape undoes escape. It returns false for a znode that is no escaped name.
func unescape(node string) (string, bool) {
	var b strings.Builder
	for rest := node; rest != ""; {
		before, after, found := strings.Cut(rest, "%")
		b.WriteString(before)
		if !found {
			break
		}
		var c byte
		if len(after) < 2 {
			return "", false
		}
		if _, err := fmt.Sscanf(after[:2], "%02X", &c); err != nil {
			return "", false
		}
		b.WriteByte(c)
		rest = after[2:]
	}
	name := b.String()
	return name, name != "" && utf8.ValidString(name) && escape(name) == node
}
