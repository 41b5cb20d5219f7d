package main

import (
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/pawl-go/pawl"
)

// environ returns the environment of the child: this one's, and what it may want to
// know of the locks that it runs under. Several names and their tokens stand in
// lines of their own, in the order of the command line.
func environ(locks []*pawl.Lock, names []string, rawURL, held string) []string {
	tokens := make([]string, len(names))
	for _, lock := range locks {
		tokens[slices.Index(names, lock.Name())] = strconv.FormatUint(lock.Token(), 10)
	}
	own := []string{
		"PAWL_NAME=" + strings.Join(names, "\n"),
		"PAWL_TOKEN=" + strings.Join(tokens, "\n"),
		"PAWL_OWNER=" + owner(),
		backendEnv + "=" + rawURL,
		heldEnv + "=" + held,
	}
	return append(without(os.Environ(), own), own...)
}

// without returns env without the variables that own sets.
func without(env, own []string) []string {
	return slices.DeleteFunc(env, func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.ContainsFunc(own, func(o string) bool { return strings.HasPrefix(o, name+"=") })
	})
}
