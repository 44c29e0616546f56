package main

import "fmt"

// place is where the demo runs: what the testbed puts into the environment.
type place struct {
	gateway string // URL of the ingress gateway
	proxy   string // URL of the HTTP proxy that leads through the client's sidecar
	config  string // path of the kubeconfig
}

func surroundings(getenv func(string) string) (place, error) {
	p := place{gateway: getenv("GATEWAY_URL"), proxy: getenv("MESH_PROXY"), config: getenv("KUBECONFIG")}
	for name, value := range map[string]string{"GATEWAY_URL": p.gateway, "MESH_PROXY": p.proxy, "KUBECONFIG": p.config} {
		if value == "" {
			return place{}, fmt.Errorf("%s is not set: the demo needs the testbed around it; run `make demo`, or bin/testbed run --bare -- bin/demo", name)
		}
	}
	return p, nil
}
