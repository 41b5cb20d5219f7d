//go:build !race

package etcdlock_test

const crowd = 1000
