//go:build !linux

package testserver

import (
	"errors"
	"os"
	"os/exec"
)

func dieWithParent(*exec.Cmd) {}

func runAs(*exec.Cmd, string) error { return nil }

func giveTo(string, string) error { return nil }

func kill(p *os.Process) error { return p.Kill() }

func pause(*os.Process) error { return errors.ErrUnsupported }

func resume(*os.Process) error { return nil }
