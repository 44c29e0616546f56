// Package races has a thousand clients ask for one Service at once, by both API
// servers of a testbed that has two, and looks all the while: one release has the
// Service, it has one grayscale version, and everybody else is told so. Its tests
// run inside the testbed only: make races.
package races
