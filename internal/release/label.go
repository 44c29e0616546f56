package release

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

// ChartLabel is the pod label that the webhooks' conditions exempt (see
// manifests/base/webhooks.yaml), for every upgrade and roll-back of a chart writes it.
// https://helm.sh/docs/chart_best_practices/labels/#standard-labels
const ChartLabel = "helm.sh/chart"

// templateHash is set on a Deployment's pods whatever its template says.
// https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#pod-template-hash-label
const templateHash = "pod-template-hash"

// CheckVersionLabel refuses a --version-label that is no label's key, or by which no
// versions can be told apart. Empty is valid: the default labels alone are tried.
func CheckVersionLabel(key string) error {
	var why string
	switch {
	case key == "":
	case key == ChartLabel:
		why = "it changes with every upgrade of a chart, and the webhooks let that pass without a question"
	case key == templateHash:
		why = "Kubernetes sets it itself, and no pod template decides it"
	case strings.HasPrefix(key, intent.Prefix):
		why = "labels with this prefix mark what is the controller's own"
	default:
		why = strings.Join(validation.IsQualifiedName(key), "; ")
	}
	if why == "" {
		return nil
	}
	return fmt.Errorf("--version-label %q: %s; name a pod label that only versions differ in, app.kubernetes.io/version say", key, why)
}
