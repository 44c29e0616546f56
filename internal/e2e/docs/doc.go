// Package docs tries every command line and every annotation that the user's
// pages show, on a real mesh with requests flowing:
// bin/testbed run -- go test ./internal/e2e/docs
package docs
