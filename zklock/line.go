package zklock

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pawl-go/pawl/driver"
)

// kind is what a node in a line asks for, and whose it is. Recipes of different
// families count each other only where both sides do.
type kind uint8

const (
	noKind     kind = iota
	mutexNode       // Curator's InterProcessMutex, and ours: _c_<uuid>-lock-<seq>
	otherMutex      // go-zookeeper's Lock and kazoo's: they wait for whatever is before them
	otherRead       // kazoo's ReadLock: <32 hex>__rlock__<seq>
	readNode        // Curator's InterProcessReadWriteLock, and ours: _c_<uuid>-__READ__<seq>
	writeNode       // the same: _c_<uuid>-__WRIT__<seq>
	leaseNode       // Curator's InterProcessSemaphoreV2, and ours: _c_<uuid>-lease-<seq>
)

// What stands between the id and the number in the name of a node.
const (
	lockMark  = "lock-"
	readMark  = "__READ__"
	writeMark = "__WRIT__"
	leaseMark = "lease-"
)

// marks are all of them. The longer ones come before what they end with.
var marks = []struct {
	text string
	kind kind
}{
	{lockMark, mutexNode}, {readMark, readNode}, {writeMark, writeNode}, {leaseMark, leaseNode},
	{"__rlock__", otherRead}, {"__lock__", otherMutex},
}

const (
	protected  = "_c_"    // begins what Curator and go-zookeeper create with protection
	gonePrefix = "_gone_" // begins the mark of a holder id that was given up
	// goneSuffix makes the mark stand behind everybody in the eyes of all recipes, some
	// of which count, or fail on, whatever they find beside their own.
	goneSuffix = "-lock-9999999999"
)

// contender is a node that stands in a line.
type contender struct {
	node string
	kind kind
	seq  int32
}

// parse reads the name of a node; kind is noKind for one that is in no line.
func parse(node string) contender {
	digits := len(node)
	for digits > 0 && node[digits-1] >= '0' && node[digits-1] <= '9' {
		digits--
	}
	if len(node)-digits < 10 || strings.HasPrefix(node, gonePrefix) {
		return contender{node: node}
	}
	head, sign := node[:digits], ""
	for _, mark := range marks {
		h, ok := strings.CutSuffix(head, mark.text)
		if !ok {
			h, ok = strings.CutSuffix(head, mark.text+"-") // the counter has wrapped
			sign = "-"
		}
		if !ok {
			sign = ""
			continue
		}
		seq, err := strconv.ParseInt(sign+node[digits:], 10, 32)
		if err != nil {
			break
		}
		k := mark.kind
		if k == mutexNode && !curators(h) {
			k = otherMutex
		}
		return contender{node, k, int32(seq)}
	}
	return contender{node: node}
}

// curators reports whether head, which stands before a mark, is of Curator's form,
// _c_<uuid>-, and not of go-zookeeper's, which has no dashes in the middle.
func curators(head string) bool {
	return strings.HasPrefix(head, protected) && strings.Count(head, "-") > 1
}

// lineOf returns those of children that stand in a line, in their order.
func lineOf(children []string) []contender {
	line := make([]contender, 0, len(children))
	for _, child := range children {
		if c := parse(child); c.kind != noKind {
			line = append(line, c)
		}
	}
	// The counter wraps, so that only differences tell who came first.
	slices.SortFunc(line, func(a, b contender) int { return int(a.seq - b.seq) })
	return line
}

// shares reports whether c lets readers beside it.
func (c contender) shares() bool { return c.kind == readNode || c.kind == otherRead }

// blocker returns the index of the nearest node before i that i has to wait for, or -1.
func blocker(line []contender, i int) int {
	for j := i - 1; j >= 0; j-- {
		if !line[i].shares() || !line[j].shares() {
			return j
		}
	}
	return -1
}

// clashes reports whether a node of kind k in the line of recipe r belongs to a recipe
// that does not count ours.
func (r Recipe) clashes(k kind) bool {
	if r == ReadWrite {
		return k == mutexNode
	}
	return k == readNode || k == writeNode
}

// guid returns the id by which a holder is found in every line: a UUID of the version
// for forms of one's own, as RFC 9562 has it, made of the holder id alone, so that
// any client can find the nodes of a holder.
func guid(holder string) string {
	h := sha256.Sum256([]byte(holder))
	h[6], h[8] = h[6]&0x0f|0x80, h[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[:4], h[4:6], h[6:8], h[8:10], h[10:16])
}

// prefixOf returns how the names of the nodes of holder begin.
func prefixOf(holder string) string { return protected + guid(holder) + "-" }

// goneNode returns the name of the mark of a holder id that was given up.
func goneNode(holder string) string { return gonePrefix + guid(holder) + goneSuffix }

// markOf returns the mark in the names of nodes that ask for mode.
func (r Recipe) markOf(mode driver.Mode) string {
	switch {
	case r != ReadWrite:
		return lockMark
	case mode == driver.Shared:
		return readMark
	}
	return writeMark
}
