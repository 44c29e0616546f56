package plugin

import (
	"time"

	"github.com/spf13/pflag"
)

// dryRun is where a write ends: empty for the cluster.
type dryRun string

const (
	dryRunClient dryRun = "client" // nothing is sent
	dryRunServer dryRun = "server" // the API server and the webhooks judge it, and nothing is kept
)

func (d *dryRun) addFlag(f *pflag.FlagSet) {
	f.StringVar((*string)(d), "dry-run", "", `"client": only print what would be written; "server": let the API server and the webhooks judge it, too`)
	f.Lookup("dry-run").NoOptDefVal = string(dryRunClient)
}

func (d *dryRun) validate() error {
	switch *d {
	case "", dryRunClient, dryRunServer:
		return nil
	case "none":
		*d = ""
		return nil
	}
	return usage("--dry-run %q is not known; write client or server", *d)
}

// suffix is what a sentence about a write ends with.
func (d dryRun) suffix() string {
	if d == "" {
		return ""
	}
	return " (" + string(d) + " dry run)"
}

func addWaitFlags(f *pflag.FlagSet, wait *bool, timeout *time.Duration, byDefault bool, what string) {
	f.BoolVar(wait, "wait", byDefault, what)
	f.DurationVar(timeout, "timeout", 10*time.Minute, "How long to wait; then the exit status is 3")
}
