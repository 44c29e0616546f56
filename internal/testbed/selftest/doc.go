// Package selftest tries the testbed as a whole: a canary written by hand
// under load, pods that leave, images that misbehave, and its own end. Its
// tests start two testbeds, and run themselves inside one of them.
package selftest
