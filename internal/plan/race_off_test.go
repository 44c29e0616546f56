//go:build !race

package plan_test

const every = 1
