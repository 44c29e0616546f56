// Package e2e tries whole releases on a real API server, a real istiod and real
// Envoys, with clients that send all the while and check every answer. Its tests
// run inside the testbed only: make e2e.
package e2e
