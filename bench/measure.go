package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// turnLimit ends a turn that hangs.
const turnLimit = 2 * time.Minute

// measure gives every contender its turns.
func measure(ctx context.Context, f *flags) (*result, error) {
	r := &result{Runs: f.runs, Stretch: f.stretch.String(), Settings: map[string]string{}}
	err := on(func(s *stage) error {
		for _, b := range backends {
			if !f.backends.has(b.name) {
				continue
			}
			if err := r.measureOn(ctx, s, b, f); err != nil {
				return err
			}
		}
		return nil
	})
	if r.Machine.Versions == nil && err == nil {
		err = fmt.Errorf("nothing to measure")
	}
	r.Machine.describe()
	return r, err
}

func (r *result) measureOn(ctx context.Context, s *stage, b *backend, f *flags) error {
	running := b.start(s)
	version, err := running.version(ctx)
	if err != nil {
		return err
	}
	r.Machine.Versions = append(r.Machine.Versions, version)
	who := f.contendersOf(b.name)
	for _, c := range who {
		r.Settings[c.backend+"/"+c.name] = c.settings
	}
	for _, sc := range scenarios {
		if !f.scenarios.has(sc.name) || sc.backend != "" && sc.backend != b.name {
			continue
		}
		if err := r.playAll(ctx, sc, who, running, f); err != nil {
			return fmt.Errorf("%s: %w", sc.name, err)
		}
	}
	return nil
}

// playAll plays a scenario: the contenders take turns, so that whatever else the
// machine does at a time hits all of them.
func (r *result) playAll(ctx context.Context, sc *scenario, who []*contender, on server, f *flags) error {
	for run := range f.runs {
		for _, c := range who {
			if sc.only != nil && !sc.only(c) {
				continue
			}
			fmt.Fprintf(os.Stderr, "%s %s %d/%d\n", sc.name, c.name, run+1, f.runs)
			if err := on.reset(ctx); err != nil {
				return err
			}
			got, err := play(ctx, sc, &turn{contender: c, url: on.url, stretch: f.stretch})
			switch {
			case err == nil:
				r.add(sc, c, got)
			case c.name == ours || ctx.Err() != nil:
				return fmt.Errorf("%s: %w", c.name, errors.Join(ctx.Err(), err))
			default: // the others go on without it
				r.Failures = append(r.Failures, fmt.Sprintf("%s, %s, run %d: %v", sc.name, c.name, run+1, err))
			}
		}
	}
	return nil
}

// play has a deadline on its context also because bsm/redislock makes one for each
// call otherwise.
func play(ctx context.Context, sc *scenario, t *turn) (figures, error) {
	ctx, cancel := context.WithTimeout(ctx, turnLimit)
	defer cancel()
	return sc.play(ctx, t)
}
