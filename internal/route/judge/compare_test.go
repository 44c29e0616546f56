package judge

import (
	"fmt"
	"strings"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
)

// compare checks one caller's clusters of the Service, by subset, without our
// rules and with them, and says what is wrong.
func compare(caller string, result route.RulesResult, before, after map[string]*cluster.Cluster) (wrong []string) {
	add := func(format string, args ...any) { wrong = append(wrong, caller+": "+fmt.Sprintf(format, args...)) }
	for name, c := range before {
		if after[name] == nil {
			add("the user's cluster %q is gone", name)
		} else if got, want := clusterOf(after[name]), clusterOf(c); got != want {
			add("the user's cluster %q became\n%s\nfrom\n%s", name, got, want)
		}
	}
	for user, target := range result.Subsets {
		original, version := after[target.Original], after[target.Version]
		if original == nil || version == nil {
			add("has no cluster for %+v, only %v", target, names(after))
			continue
		}
		model := before[user]
		if model == nil {
			continue // this caller does not have the user's subset
		}
		if got, want := clusterOf(original), clusterOf(model); got != want {
			add("%s is\n%s\nwant as %q\n%s", target.Original, got, user, want)
		}
		if got, want := version.LbPolicy, model.LbPolicy; got != want {
			add("%s balances by %s, want %s", target.Version, got, want)
		}
		if !proto.Equal(version.CircuitBreakers, model.CircuitBreakers) {
			add("%s has circuit breakers %v, want %v", target.Version, version.CircuitBreakers, model.CircuitBreakers)
		}
		if !result.Strict && version.OutlierDetection == nil {
			add("%s has no outlier detection, so no failover", target.Version)
		}
	}
	return wrong
}

// clusterOf is a cluster without its name and where it came from.
func clusterOf(c *cluster.Cluster) string {
	c = proto.Clone(c).(*cluster.Cluster)
	name := c.Name
	subset := strings.Split(name, "|")[2]
	c.Name, c.Metadata, c.AltStatName = "", nil, ""
	if c.EdsClusterConfig != nil {
		c.EdsClusterConfig.ServiceName = ""
	}
	out := protojson.Format(c)
	// The SNI of mutual TLS names the subset.
	out = strings.ReplaceAll(out, ".9080_."+subset+"_.", ".9080_._.")
	return strings.ReplaceAll(out, "outbound_.9080_."+subset, "outbound_.9080_.")
}

func names(clusters map[string]*cluster.Cluster) []string {
	var out []string
	for name := range clusters {
		out = append(out, name)
	}
	return out
}
