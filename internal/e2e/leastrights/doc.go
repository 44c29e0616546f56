// Package leastrights compares the rights that the manifests grant to the
// controller with those that it used in all testbeds of the test suite, as their
// API servers audited it. It runs after them, with the file that testbed run --uses
// has filled: make e2e rights.
package leastrights
