//go:build race

package plan_test

// every thins out what is tried at each write of a release: the race detector
// makes pure code seven times slower, and finds nothing there that it does not
// find in a twelfth of it.
const every = 12
