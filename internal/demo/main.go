// Command demo shows a whole canary release on the testbed, through the plugin
// alone, while clients send requests all the time. Run it with `make demo`.
package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/demo/show"
	"github.com/kubectl-grayscale/kubectl-grayscale/plugin/view"
)

const (
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130 // 128 and the number of SIGINT, as shells have it

	// longest is how long the demo may take once all is built.
	longest = 3 * time.Minute
)

// bookinfo is the app.
//
//go:embed bookinfo.yaml
var bookinfo string

type options struct {
	short, keep bool
}

// least is how many requests each path sends for a share.
func (o options) least() int {
	if o.short {
		return 1500
	}
	return 5000
}

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	var o options
	flags := pflag.NewFlagSet("demo", pflag.ContinueOnError)
	flags.SortFlags = false
	flags.BoolVar(&o.short, "short", false, "fewer requests for each share: 1,500 on each path instead of 5,000")
	flags.BoolVar(&o.keep, "keep", false, "say at the end what can be tried: the mesh stays up (bin/testbed up)")
	flags.Usage = func() {
		_, _ = fmt.Fprintf(os.Stderr, "A canary release under load, on the testbed: bin/testbed run --bare -- bin/demo\n\n%s", flags.FlagUsages())
	}
	switch err := flags.Parse(args); {
	case errors.Is(err, pflag.ErrHelp):
		return 0
	case err != nil:
		return complain(exitUsage, err)
	case flags.NArg() > 0:
		return complain(exitUsage, fmt.Errorf("unexpected argument %q; see --help", flags.Arg(0)))
	}
	place, err := surroundings(os.Getenv)
	if err != nil {
		return complain(exitUsage, err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	timed, cancel := context.WithTimeoutCause(ctx, longest, fmt.Errorf("not done within %s; is the machine busy with something else?", longest))
	defer cancel()
	screen := &show.Screen{Out: os.Stdout, Terminal: func() view.Terminal { return view.TerminalOf(os.Stdout, os.Getenv) }}
	d, err := newDemo(o, place, screen)
	if err != nil {
		return complain(exitFailed, err)
	}
	err = d.play(timed)
	screen.Live("")
	switch {
	case ctx.Err() != nil:
		screen.Print("\nInterrupted. The mesh ends with the demo, and nothing is left.\n")
		return exitInterrupted
	case timed.Err() != nil:
		return complain(exitFailed, errors.Join(context.Cause(timed), err))
	case err != nil:
		return complain(exitFailed, err)
	}
	return 0
}

func complain(code int, err error) int {
	_, _ = fmt.Fprintln(os.Stderr, "demo:", err)
	return code
}
