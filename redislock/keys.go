package redislock

import "strings"

// keysPerLock is how many keys each operation of the script declares.
const keysPerLock = 5

// suffixes of a lock's keys, in the order in which the script wants them.
var suffixes = [keysPerLock]string{"", ":leases", ":line", ":infos", ":marks"}

// escape keeps what stands between the first braces of a key, by which Redis Cluster
// chooses the slot, equal for all keys of a lock and different for any two names.
var escape = strings.NewReplacer("%", "%25", "{", "%7B", "}", "%7D")

// unescape undoes escape.
var unescape = strings.NewReplacer("%7B", "{", "%7D", "}", "%25", "%")

// lockKey returns the key of name, from which the others are made.
func (c *conn) lockKey(name string) string {
	return c.prefix + "{" + escape.Replace(name) + "}"
}

// keysOf returns the keys of the lock whose lockKey is key. All but the first share
// one piece of memory.
func keysOf(key string) (keys [keysPerLock]string) {
	text := key + suffixes[1] + key + suffixes[2] + key + suffixes[3] + key + suffixes[4]
	keys[0] = key
	for i := 1; i < keysPerLock; i++ {
		n := len(key) + len(suffixes[i])
		keys[i], text = text[:n], text[n:]
	}
	return keys
}

// nameOf returns the name whose lockKey is key, or false for another key.
func (c *conn) nameOf(key string) (string, bool) {
	inner, ok := strings.CutPrefix(key, c.prefix+"{")
	if !ok || !strings.HasSuffix(inner, "}") {
		return "", false
	}
	return unescape.Replace(strings.TrimSuffix(inner, "}")), true
}
