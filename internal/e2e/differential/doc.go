// Package differential holds the evaluator of routes against a real mesh: it
// makes random VirtualServices with random policies on them, gives them to the
// testbed's API server, sends random requests through the gateway and the
// client's sidecar, and compares every answer with what the evaluator says. It
// runs inside the testbed, without the product.
package differential
