// Command bench measures what admission adds to the time of a create, on the API
// server of a testbed with the product installed: with the product's webhooks and
// policies, and without, by turns in one run.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/go-logr/logr"
	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime"
)

// How much is measured: rounds of turns, creates of each kind in a turn, and
// creates before them that only warm connections and caches up.
const (
	rounds  = 10
	creates = 40
	warmUp  = 5
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench (run: make bench):", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	ctrl.SetLogger(logr.Discard())
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return fmt.Errorf("KUBECONFIG: %w", err)
	}
	config.QPS = -1
	s, err := openShop(ctx, config)
	if err != nil {
		return err
	}
	times, err := measured(ctx, s)
	if err != nil {
		return err
	}
	_, err = fmt.Print(table(times))
	return err
}
