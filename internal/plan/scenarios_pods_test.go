package plan_test

import (
	"strings"
	"time"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// publishes makes a Service have pods among its endpoints that are not ready.
func publishes(manifests string) string {
	return strings.Replace(manifests, "selector: {app: reviews}", "publishNotReadyAddresses: true\n  selector: {app: reviews}", 1)
}

// under are scenarios of what stands under a Service beside the two Deployments,
// and of pods that are not what they seem.
var under = []scenario{
	{"unready: published, all the way by itself", []string{publishes(reviews), plainRoute}, []step{asks("traffic=grayscale", "end=finish")}, release.Finished},
	{"unready: published, in place", []string{publishes(renewable), plainRoute}, []step{asksHere("traffic=grayscale"), while(jam("reviews-v1"), after(time.Minute), unjam("reviews-v1"))}, release.Finished},
	{"unready: published, and the pods fail", []string{publishes(reviews), plainRoute}, []step{asks("weight=50"), sick("v2"), well("v2"), annotate("end=cancel")}, release.Cancelled},
}
