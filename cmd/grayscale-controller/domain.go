package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// clusterDomain is the only DNS domain of a cluster that hosts are read in.
const clusterDomain = "cluster.local"

// knownDomain refuses a cluster whose Services have another domain than
// cluster.local, as the resolver's configuration of a pod says it: a
// DestinationRule of ours would hold for a host that nobody calls. A process
// that is in no pod, or in one with another DNS policy, is not told the domain.
// https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/#namespaces-of-services
func knownDomain(resolvConf string) error {
	text, err := os.ReadFile(resolvConf)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("finding the cluster's domain: %w", err)
	}
	found := domains(string(text))
	if len(found) == 0 || slices.Contains(found, clusterDomain) {
		return nil
	}
	return fmt.Errorf("the Services of this cluster have the domain %s (search list of %s); only %s is supported: routes and rules for reviews.shop.svc.%s would never be called", found[0], resolvConf, clusterDomain, clusterDomain)
}

// domains gives the cluster domains that the search list of a resolver's
// configuration has: what follows "svc". Of several lists the last counts.
// https://man7.org/linux/man-pages/man5/resolv.conf.5.html
func domains(resolvConf string) []string {
	var out []string
	for line := range strings.Lines(resolvConf) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != "search" {
			continue
		}
		out = nil
		for _, name := range fields[1:] {
			if domain, ok := strings.CutPrefix(strings.ToLower(strings.TrimSuffix(name, ".")), "svc."); ok && domain != "" {
				out = append(out, domain)
			}
		}
	}
	return out
}
