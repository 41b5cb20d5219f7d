//go:build !unix

package lab

import (
	"errors"
	"os"
	"os/exec"
)

// canPause reports whether processes can be stopped on this system.
const canPause = false

func pauseProcess(*os.Process) error  { return errors.ErrUnsupported }
func resumeProcess(*os.Process) error { return errors.ErrUnsupported }

func setApart(*exec.Cmd) {}
