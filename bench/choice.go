package main

import (
	"fmt"
	"slices"
	"strings"
)

// names is a flag's list of names.
type names []string

// String and Set are flag.Value's.
func (n *names) String() string { return strings.Join(*n, ",") }

func (n *names) Set(text string) error {
	*n = strings.Split(text, ",")
	return nil
}

// has reports whether name is chosen. An empty list chooses all.
func (n names) has(name string) bool { return len(n) == 0 || slices.Contains(n, name) }

// choice is what is to be measured.
type choice struct{ backends, scenarios, peers names }

// check returns an error that lists the known names when one is unknown.
func (c *choice) check() error {
	var backendNames, scenarioNames, peerNames []string
	for _, b := range backends {
		backendNames = append(backendNames, b.name)
	}
	for _, s := range scenarios {
		scenarioNames = append(scenarioNames, s.name)
	}
	for _, p := range contenders {
		if !slices.Contains(peerNames, p.name) {
			peerNames = append(peerNames, p.name)
		}
	}
	for _, list := range []struct {
		flag          string
		chosen, known []string
	}{{"backend", c.backends, backendNames}, {"scenario", c.scenarios, scenarioNames}, {"peers", c.peers, peerNames}} {
		for _, name := range list.chosen {
			if !slices.Contains(list.known, name) {
				return fmt.Errorf("-%s %s: want some of %s", list.flag, name, strings.Join(list.known, ", "))
			}
		}
	}
	return nil
}

// contendersOf returns those of backend that are chosen. pawl always is.
func (c *choice) contendersOf(backend string) (chosen []*contender) {
	for _, who := range contenders {
		if who.backend == backend && (who.name == ours || c.peers.has(who.name)) {
			chosen = append(chosen, who)
		}
	}
	return chosen
}
