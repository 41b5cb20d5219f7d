package redislock

import (
	"embed"
	"io/fs"
	"strings"

	"github.com/redis/go-redis/v9"
)

//go:embed lua_quorum/*.lua
var quorumFiles embed.FS

// quorumScript is everything that is done on one node of a quorum, in one script.
var quorumScript = redis.NewScript(joinFiles(quorumFiles, "lua_quorum/*.lua"))

// joinFiles returns the files in the order of their names.
func joinFiles(files fs.FS, pattern string) string {
	var text strings.Builder
	names, _ := fs.Glob(files, pattern)
	for _, name := range names {
		file, err := fs.ReadFile(files, name)
		if err != nil {
			panic(err) // is embedded
		}
		text.Write(file)
	}
	return text.String()
}

// quorumSuffixes of a lock's keys on a node, in the order in which the script wants
// them.
var quorumSuffixes = [4]string{"", ":marks", ":waits", ":infos"}

// keyPrefix begins the keys of all locks. No key of a driver from New with the same
// Options.Prefix begins like that, since there a brace follows the prefix.
func (c *quorum) keyPrefix() string { return c.prefix + "quorum:{" }

func (c *quorum) keys(name string) []string {
	lock := c.keyPrefix() + escape.Replace(name) + "}"
	keys := make([]string, len(quorumSuffixes))
	for i, suffix := range quorumSuffixes {
		keys[i] = lock + suffix
	}
	return keys
}

// nameOf returns the name whose first key is key, or false for another key.
func (c *quorum) nameOf(key string) (string, bool) {
	inner, ok := strings.CutPrefix(key, c.keyPrefix())
	if !ok || !strings.HasSuffix(inner, "}") {
		return "", false
	}
	return unescape.Replace(strings.TrimSuffix(inner, "}")), true
}
