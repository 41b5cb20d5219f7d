//go:build unix

package fence_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/pawl-go/pawl/internal/testserver"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(playRole(role))
	}
	goleak.VerifyTestMain(testserver.Stopping(m))
}
