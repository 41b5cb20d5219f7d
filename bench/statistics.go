package main

import (
	"slices"
	"time"
)

func sum(values []float64) (total float64) {
	for _, v := range values {
		total += v
	}
	return total
}

// median of values that are not empty.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// jain is R. Jain's fairness index: 1 when all have got the same, 1/n when one has got
// all.
func jain(shares []float64) float64 {
	total, squares := sum(shares), 0.0
	for _, s := range shares {
		squares += s * s
	}
	if squares == 0 {
		return 0
	}
	return total * total / (float64(len(shares)) * squares)
}

// quantile sorts values and returns the one that the part q of them does not exceed.
func quantile(values []time.Duration, q float64) time.Duration {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[min(int(q*float64(len(values))), len(values)-1)]
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
