// Command grayscale-controller is the webhook and the reconciler in one process.
package main

import (
	"fmt"
	"os"

	"github.com/go-logr/zapr"
	"github.com/spf13/pflag"
	ctrl "sigs.k8s.io/controller-runtime"
)

func main() {
	o := defaults()
	flags := pflag.NewFlagSet("grayscale-controller", pflag.ExitOnError)
	o.bind(flags)
	if err := flags.Parse(os.Args[1:]); err != nil {
		fatal(err)
	}
	logger, err := o.logger()
	if err != nil {
		fatal(err)
	}
	ctrl.SetLogger(zapr.NewLogger(logger))
	if err := run(ctrl.SetupSignalHandler(), o); err != nil {
		fatal(err)
	}
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "grayscale-controller:", err)
	os.Exit(1)
}
