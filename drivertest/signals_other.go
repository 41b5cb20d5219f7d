//go:build !unix

package drivertest

import (
	"errors"
	"time"
)

func pauseProcess(int) error { return errors.ErrUnsupported }

func resume(int) error { return errors.ErrUnsupported }

func cpuTime() (time.Duration, error) { return 0, errors.ErrUnsupported }
