package redislock

import (
	"embed"
	"encoding/binary"
	"math"
	"strings"

	"github.com/redis/go-redis/v9"
)

//go:embed lua/*.lua lua_short/*.lua
var files embed.FS

// script is a script on the server that does a list of operations.
type script struct {
	source, hash string
	// keys appends the keys of one operation.
	keys func(command []any, op *operation) []any
	// args appends the arguments for a batch.
	args func(command []any, batch []*operation) []any
}

// longScript can do everything. fixed are its first arguments.
func longScript(fixed []any) script {
	return newScript(longSource, func(command []any, op *operation) []any {
		for _, key := range keysOf(op.key) {
			command = append(command, key)
		}
		return command
	}, func(command []any, batch []*operation) []any {
		command = append(command, fixed...)
		for _, op := range batch {
			command = append(command, op.args...)
		}
		return command
	})
}

// shortScript does what most locks want, which is nobody else: see lua_short.
var shortScript = newScript(shortSource, func(command []any, op *operation) []any {
	return append(command, &op.key) // as a string it would be copied to the heap
}, func(command []any, batch []*operation) []any {
	var packed []byte
	for _, op := range batch {
		packed = append(packed, op.packed...)
	}
	return append(command, packed)
})

func newScript(source string, keys func([]any, *operation) []any, args func([]any, []*operation) []any) script {
	return script{source, redis.NewScript(source).Hash(), keys, args}
}

// command returns the call of the script for batch, by its text where whole is set. It
// is made in one piece: to append the keys and arguments that go-redis would take
// copies what is most of the work of a large batch.
func (s *script) command(batch []*operation, whole bool) []any {
	command := make([]any, 3, 8+(keysPerLock+6)*len(batch))
	command[0], command[1] = "evalsha", s.hash
	if whole {
		command[0], command[1] = "eval", s.source
	}
	for _, op := range batch {
		command = s.keys(command, op)
	}
	command[2] = len(command) - 3
	return s.args(command, batch)
}

// pack returns an operation as lua_short/short.lua reads it.
func pack(acquire bool, ttlMicros int64, holder, details string) []byte {
	packed := make([]byte, 0, 13+len(holder)+len(details))
	packed = append(packed, 0)
	if acquire {
		packed[0] = 1
	}
	packed = binary.BigEndian.AppendUint64(packed, math.Float64bits(float64(ttlMicros)))
	packed = appendText(packed, holder)
	return appendText(packed, details)
}

func appendText(packed []byte, text string) []byte {
	return append(binary.BigEndian.AppendUint16(packed, uint16(len(text))), text...)
}

var (
	longSource  = join("lua/0_state.lua", "lua/1_keys.lua", "lua/2_line.lua", "lua/3_operations.lua", "lua/4_run.lua")
	shortSource = join("lua/0_state.lua", "lua_short/short.lua")
)

// join returns the files, one after the other.
func join(names ...string) string {
	var text strings.Builder
	for _, name := range names {
		file, err := files.ReadFile(name)
		if err != nil {
			panic(err) // is embedded
		}
		text.Write(file)
	}
	return text.String()
}
