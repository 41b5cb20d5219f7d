package pglock

import (
	"crypto/sha256"
	"encoding/binary"
)

// txKey returns the key of the advisory lock for name: 64 bits of a hash, in which the
// text before it keeps the names apart from those that other programs hash. Two of a
// million names meet with a chance of one in forty million, and are then one lock.
func txKey(name string) int64 {
	sum := sha256.Sum256([]byte("pawl/tx/" + name))
	return int64(binary.BigEndian.Uint64(sum[:]))
}
