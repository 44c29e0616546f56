package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/binaries"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/controlplane"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/namespace"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/supervisor"
)

func buildCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "build",
		Short: "Build or download what the testbed needs, into a cache (" + binaries.CacheEnv + " moves it)",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			set, err := ensure(cmd.Context())
			if err != nil {
				return err
			}
			for _, path := range []string{set.Etcd, set.KubeAPIServer, set.KubeControllerManager, set.Kubectl, set.Istiod, set.Envoy} {
				if _, err := fmt.Fprintln(cmd.OutOrStdout(), path); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func runCommand() *cobra.Command {
	var config supervisor.Config
	cmd := &cobra.Command{
		Use:   "run [flags] [--] COMMAND [ARG]...",
		Short: "Start a testbed, run a command in it, pass its exit status on, and leave nothing behind",
		Long: `Start a testbed, run a command in it, pass its exit status on, and leave nothing behind.

The command gets the caller's folder, environment and terminal, and
  KUBECONFIG    for the API server, as an administrator
  KUBECONFIG_2  for the second one, with --api-servers=2
  GATEWAY_URL   the ingress gateway: curl -H 'Host: shop.example' $GATEWAY_URL/
  MESH_PROXY    leads through a client's sidecar: curl -x $MESH_PROXY http://reviews.shop:9080/
  GATEWAY_IP    the gateway's address, for Gateways with other ports
  SERVERS_CA    CA certificate, PEM file, of pods that serve TLS themselves
  TESTBED_DIR   logs/ of every part, pids/ of pods that are processes
  AUDIT_LOG     every write, and the reads of all but the cluster's own parts
  ENVOY_GATEWAY_ADMIN, ENVOY_SIDECAR_ADMIN, ISTIOD, ISTIOD_SLOW   admin and debug URLs
  PATH          with kubectl and the plugin`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			config.Command = args
			return enter(cmd.Context(), config, nil, "")
		},
	}
	// Flags after the command's name are the command's.
	cmd.Flags().SetInterspersed(false)
	addFlags(cmd.Flags(), &config)
	return cmd
}

func upCommand() *cobra.Command {
	var config supervisor.Config
	cmd := &cobra.Command{
		Use:   "up [flags] [--] [COMMAND [ARG]...]",
		Short: "Start a testbed, run a command in it, if any, print how to use it from another terminal, and run until a signal",
		RunE: func(cmd *cobra.Command, args []string) error {
			config.Command = args
			return up(cmd.Context(), config)
		},
	}
	// Flags after the command's name are the command's.
	cmd.Flags().SetInterspersed(false)
	addFlags(cmd.Flags(), &config)
	return cmd
}

func addFlags(flags *pflag.FlagSet, config *supervisor.Config) {
	flags.BoolVar(&config.Bare, "bare", false, "leave the product out")
	flags.StringVar(&config.Dir, "dir", "", "folder for logs and kubeconfig, kept at the end (default: one that ends with the testbed)")
	flags.StringArrayVar(&config.InstallFlags, "install-flag", nil, "flag for the product's install, such as --drain=5s; may be repeated")
	flags.StringArrayVar(&config.IstiodEnv, "istiod-env", nil, "environment for istiod, as NAME=VALUE; may be repeated")
	flags.DurationVar(&config.SlowIstiod, "slow-istiod", 0, "give the sidecar an istiod of its own that pushes so much later, such as 5s; the gateway keeps the other")
	flags.IntVar(&config.APIServers, "api-servers", 1, "API servers on the one etcd, 1 or 2")
	flags.StringVar(&config.Uses, "uses", "", "file to add the rights to that the product's controller used, one a line as JSON")
}

func ensure(ctx context.Context) (binaries.Set, error) {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	return binaries.Ensure(ctx, os.Stderr)
}

// up gives the supervisor listeners of this machine's loopback device.
func up(ctx context.Context, config supervisor.Config) (err error) {
	remove := ""
	if config.Dir == "" {
		if config.Dir, err = os.MkdirTemp("", "testbed-"); err != nil {
			return fmt.Errorf("making a folder for the kubeconfig: %w", err)
		}
		remove = config.Dir
		// For an end before there is anyone else to remove it.
		defer func() { err = errors.Join(err, os.RemoveAll(remove)) }()
	}
	var files []*os.File
	for _, inside := range config.Forwarded() {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return fmt.Errorf("listening for %s: %w", inside, err)
		}
		config.Outside = append(config.Outside, listener.Addr().String())
		file, err := listener.(*net.TCPListener).File()
		if err != nil {
			return fmt.Errorf("handing the listener for %s over: %w", inside, err)
		}
		_ = listener.Close()
		files = append(files, file)
	}
	return enter(ctx, config, files, remove)
}

// enter starts the supervisor in its namespaces and waits for it.
func enter(ctx context.Context, config supervisor.Config, files []*os.File, remove string) error {
	if config.SlowIstiod < 0 {
		return fmt.Errorf("--slow-istiod=%s: want 0 or more", config.SlowIstiod)
	}
	if config.APIServers < 1 || config.APIServers > controlplane.MostAPIServers {
		return fmt.Errorf("--api-servers=%d: want 1 or %d", config.APIServers, controlplane.MostAPIServers)
	}
	if err := locate(&config); err != nil {
		return err
	}
	var err error
	if config.Binaries, err = ensure(ctx); err != nil {
		return err
	}
	encoded, err := json.Marshal(config)
	if err != nil {
		return fmt.Errorf("encoding the configuration: %w", err)
	}
	status, err := namespace.Enter(encoded, files, remove)
	if err != nil {
		return err
	}
	if status != 0 {
		return exitStatus(status)
	}
	return nil
}

// locate finds the product's programs and makes paths absolute.
func locate(config *supervisor.Config) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("looking for the product beside the testbed: %w", err)
	}
	config.Programs = filepath.Dir(self)
	if config.Dir != "" {
		if config.Dir, err = filepath.Abs(config.Dir); err != nil {
			return fmt.Errorf("--dir: %w", err)
		}
	}
	if config.Uses != "" {
		if config.Uses, err = filepath.Abs(config.Uses); err != nil {
			return fmt.Errorf("--uses: %w", err)
		}
	}
	if config.Bare {
		return nil
	}
	for _, program := range []string{supervisor.Plugin, supervisor.Controller} {
		if _, err := os.Stat(filepath.Join(config.Programs, program)); err != nil {
			return fmt.Errorf("the product is not built (--bare leaves it out): %w", err)
		}
	}
	return nil
}
