package redislock

import (
	"embed"
	"io/fs"
	"strings"

	"github.com/redis/go-redis/v9"
)

//go:embed lua/*.lua
var files embed.FS

// script is everything that is done on the server, in one script.
var (
	source = join()
	script = redis.NewScript(source)
)

// join returns the files in the order of their names.
func join() string {
	var text strings.Builder
	names, _ := fs.Glob(files, "lua/*.lua")
	for _, name := range names {
		file, err := files.ReadFile(name)
		if err != nil {
			panic(err) // is embedded
		}
		text.Write(file)
	}
	return text.String()
}
