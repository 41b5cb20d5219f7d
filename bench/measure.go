package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

// turnLimit ends a turn that hangs.
const turnLimit = 2 * time.Minute

// measure gives every contender its turns.
func measure(ctx context.Context, f *flags) (*result, error) {
	r := &result{Runs: f.runs, Stretch: f.stretch.String(), Settings: map[string]string{}}
	for _, b := range backends {
		if !f.backends.has(b.name) {
			continue
		}
		err := on(ctx, func(s *stage) error { return r.measureOn(ctx, s, b, f) })
		if _, notInstalled := errors.AsType[missing](err); notInstalled && len(f.backends) == 0 {
			r.Missing = append(r.Missing, fmt.Sprintf("%s: %v", b.name, err))
			continue
		}
		if err != nil {
			return nil, err
		}
	}
	if r.Machine.Versions == nil {
		return nil, errors.New("nothing to measure")
	}
	r.Machine.describe()
	return r, nil
}

// measureOn plays the scenarios on a server that is started for them, and stopped then.
func (r *result) measureOn(ctx context.Context, s *stage, b *backend, f *flags) error {
	running := b.start(s)
	version, err := running.version(ctx)
	if err != nil {
		return err
	}
	if !slices.Contains(r.Machine.Versions, version) {
		r.Machine.Versions = append(r.Machine.Versions, version)
	}
	who := f.contendersOf(b.name)
	for _, c := range who {
		r.Settings[c.backend+"/"+c.name] = c.settings
	}
	for _, sc := range scenarios {
		if !f.scenarios.has(sc.name) {
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
	runs := f.runs
	if sc.once {
		runs = 1
	}
	for run := range runs {
		for _, c := range who {
			if !sc.plays(c) {
				continue
			}
			fmt.Fprintf(os.Stderr, "%s %s %s %d/%d\n", c.backend, sc.name, c.name, run+1, runs)
			if err := on.reset(ctx); err != nil {
				return err
			}
			got, err := play(ctx, sc, &turn{contender: c, server: on, stretch: f.stretch})
			switch {
			case err == nil:
				r.add(sc, c, got)
			case ctx.Err() != nil:
				return fmt.Errorf("%s: %w", c.name, errors.Join(ctx.Err(), err))
			default: // the others go on without it
				r.fail(sc, c, run+1, err)
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
