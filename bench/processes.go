package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
)

// workerVariable marks a process that this program has started of itself.
const workerVariable = "PAWL_BENCH_WORKER"

func isWorker() bool { return os.Getenv(workerVariable) != "" }

// work does the job that in says once in says go, and ends with in.
func work(in io.Reader, out io.Writer) error {
	signal.Ignore(os.Interrupt) // Ctrl-C reaches the parent too, which then ends this process
	requests, answers := json.NewDecoder(bufio.NewReader(in)), json.NewEncoder(out)
	var j job
	if err := requests.Decode(&j); err != nil {
		return err
	}
	c, err := contenderNamed(j.Backend, j.Contender)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), turnLimit)
	defer cancel()
	l, err := c.open(ctx, j.URL)
	if err != nil {
		return err
	}
	if err := warm(ctx, l, fmt.Sprintf("warm:%d", os.Getpid()), j.Workers); err != nil {
		return err
	}
	var begin bool
	if err := errors.Join(answers.Encode("ready"), requests.Decode(&begin)); err != nil {
		return err
	}
	go func() { // the parent is gone
		_, _ = requests.Token()
		cancel()
	}()
	return errors.Join(answers.Encode(j.do(ctx, l)), l.Close())
}

// process is a child that does a job.
type process struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	answers *json.Decoder
}

func startProcess(ctx context.Context, j job) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), workerVariable+"=1")
	cmd.Stderr = os.Stderr
	in, inErr := cmd.StdinPipe()
	out, outErr := cmd.StdoutPipe()
	if err := errors.Join(inErr, outErr); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd, in, json.NewDecoder(bufio.NewReader(out))}
	var ready string
	if err := errors.Join(p.send(j), p.answers.Decode(&ready)); err != nil {
		p.end()
		return nil, fmt.Errorf("a process was not ready: %w", err)
	}
	return p, nil
}

func (p *process) send(what any) error { return json.NewEncoder(p.in).Encode(what) }

func (p *process) end() {
	_ = p.in.Close()
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// inProcesses does j in n processes at once.
func inProcesses(ctx context.Context, n int, j job) ([]report, error) {
	all := make([]*process, 0, n)
	defer func() {
		for _, p := range all {
			p.end()
		}
	}()
	for range n {
		p, err := startProcess(ctx, j)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	for _, p := range all {
		if err := p.send(true); err != nil {
			return nil, err
		}
	}
	reports := make([]report, n)
	for i, p := range all {
		err := p.answers.Decode(&reports[i])
		if err == nil && reports[i].Error != "" {
			err = errors.New(reports[i].Error)
		}
		if err != nil {
			return nil, errors.Join(ctx.Err(), err)
		}
	}
	return reports, nil
}
