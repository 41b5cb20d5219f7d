//go:build !race

package zklock_test

const crowd = 1000
