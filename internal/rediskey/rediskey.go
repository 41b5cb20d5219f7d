// Package rediskey names keys that belong to a key that somebody else has named.
package rediskey

import (
	"strconv"
	"strings"
)

// slots is how many slots a Redis Cluster has.
const slots = 16384

// Beside returns the name of a key that belongs to key: in the same slot of a Redis
// Cluster, so that one script may use both, and different for any two keys or two
// suffixes. suffix begins with a colon, and has no other suffix before a colon of its
// own.
//
//	Beside("stock:42", ":fence")     {stock:42}:fence
//	Beside("{stock}:42", ":fence")   {stock}:fence:{stock}:42
func Beside(key, suffix string) string {
	if key != "" && !strings.ContainsAny(key, "{}") {
		return "{" + key + "}" + suffix
	}
	return "{" + tag(key) + "}" + suffix + ":" + key
}

// tag returns a text that has the slot of key when it stands in braces.
func tag(key string) string {
	hashed := hashed(key)
	if hashed != "" && !strings.Contains(hashed, "}") {
		return hashed
	}
	// No text that holds a closing brace can stand in braces, so another one with the
	// same slot must do; one in 16384 has it.
	want := slot(hashed)
	for n := 0; ; n++ {
		if text := strconv.Itoa(n); slot(text) == want {
			return text
		}
	}
}

// hashed returns the part of key that its slot is made from: what stands between the
// first opening brace and the first closing one after it, or else everything.
func hashed(key string) string {
	if _, rest, ok := strings.Cut(key, "{"); ok {
		if inner, _, ok := strings.Cut(rest, "}"); ok && inner != "" {
			return inner
		}
	}
	return key
}

// slot returns the slot of a text: CRC16 with the polynomial 0x1021, as in the Redis
// Cluster specification.
func slot(text string) uint16 {
	var crc uint16
	for i := range len(text) {
		crc ^= uint16(text[i]) << 8
		for range 8 {
			carry := crc&0x8000 != 0
			crc <<= 1
			if carry {
				crc ^= 0x1021
			}
		}
	}
	return crc % slots
}
