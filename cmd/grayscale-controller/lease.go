package main

import (
	"fmt"
	"os"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// lease is the leader's, held in the pod's name: a container that was killed and
// runs again in its pod (kubelets run one at a time) goes on at once, where a
// name made up at each start would wait for the old one's lease to run out.
// https://pkg.go.dev/k8s.io/client-go/tools/leaderelection/resourcelock#ResourceLockConfig
func lease(config *rest.Config, o options, renewal time.Duration) (resourcelock.Interface, error) {
	holder := os.Getenv("POD_NAME")
	if holder == "" {
		host, err := os.Hostname()
		if err != nil {
			return nil, fmt.Errorf("naming the holder of the lease: %w", err)
		}
		holder = fmt.Sprintf("%s_%d", host, os.Getpid())
	}
	lock, err := resourcelock.NewFromKubeconfig(resourcelock.LeasesResourceLock, o.namespace, name,
		resourcelock.ResourceLockConfig{Identity: holder}, config, renewal)
	if err != nil {
		return nil, fmt.Errorf("making Lease %s/%s: %w", o.namespace, name, err)
	}
	return lock, nil
}
