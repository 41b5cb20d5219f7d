package lab

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
)

// proc is a worker process, as its parent sees it.
type proc struct {
	number int // counted from 1
	cmd    *exec.Cmd
	in     io.WriteCloser
	stderr bytes.Buffer
	buyers []int // who have no answer yet
	killed bool  // by the fault: its buyers go on with another process
	exited bool
}

// event is a message of a process, or its end.
type event struct {
	proc *proc
	message
	exit bool
	err  error // of the exit
}

// startProc starts a worker with the job j. Its messages go to events, and its end
// comes after the last of them.
func startProc(command []string, j job, events chan<- event) (*proc, error) {
	p := &proc{cmd: exec.Command(command[0], command[1:]...), buyers: slices.Clone(j.Buyers)}
	p.cmd.Stderr = &p.stderr
	setApart(p.cmd)
	in, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	line, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a worker: %w", err)
	}
	p.in = in
	go p.read(out, events)
	p.tell(string(line))
	return p, nil
}

// read passes on what the process says until its end.
func (p *proc) read(out io.Reader, events chan<- event) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var m message
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			continue // cut off by the end of the process
		}
		events <- event{proc: p, message: m}
	}
	_, _ = io.Copy(io.Discard, out)
	events <- event{proc: p, exit: true, err: p.cmd.Wait()}
}

// tell sends the process one line. One that is dead does not care.
func (p *proc) tell(line string) { _, _ = io.WriteString(p.in, line+"\n") }

// answered takes buyer off the list.
func (p *proc) answered(buyer int) {
	if i := slices.Index(p.buyers, buyer); i >= 0 {
		p.buyers = slices.Delete(p.buyers, i, i+1)
	}
}

// complaint is what a process that failed has left on its standard error.
func (p *proc) complaint() string {
	text := strings.TrimSpace(p.stderr.String())
	if i := strings.IndexByte(text, '\n'); i >= 0 {
		text = text[:i]
	}
	if text == "" {
		return "it said nothing"
	}
	return text
}
