// Command testbed runs a real mesh on one machine: etcd, the API server, its
// controllers, istiod, two Envoys, and pods that really listen, in namespaces
// of its own. It needs neither root nor containers.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/namespace"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/rootfs"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/supervisor"
)

func main() {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case namespace.InitCommand:
			namespace.Init(os.Args[2])
		case namespace.SupervisorCommand:
			os.Exit(supervisor.Main())
		case rootfs.Command:
			_, _ = fmt.Fprintln(os.Stderr, "testbed:", rootfs.Exec(os.Args[2]))
			os.Exit(1)
		}
	}
	os.Exit(execute())
}

// exitStatus is an end that needs no words: the command's own status.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

func execute() int {
	err := rootCommand().Execute()
	var status exitStatus
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return int(status)
	}
	_, _ = fmt.Fprintln(os.Stderr, "testbed:", err)
	return 1
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "testbed",
		Short:         "A real Kubernetes API server and Istio mesh on this machine, without root or containers",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(buildCommand(), runCommand(), upCommand())
	return root
}
