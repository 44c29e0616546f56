package release_test

import (
	"strings"
	"testing"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

func TestCheckVersionLabel(t *testing.T) {
	for key, why := range map[string]string{
		"": "", "track": "", "version": "", "app.kubernetes.io/version": "", "example.com/helm.sh-chart": "",
		"helm.sh/chart":         "changes with every upgrade of a chart",
		"pod-template-hash":     "Kubernetes sets it itself",
		"grayscale.dev/version": "the controller's own",
		"a track":               "alphanumeric characters",
		"a/b/c":                 "alphanumeric characters",
	} {
		err := release.CheckVersionLabel(key)
		switch {
		case why == "" && err != nil:
			t.Errorf("%q is refused: %v", key, err)
		case why != "" && (err == nil || !strings.Contains(err.Error(), `--version-label "`+key+`": `) || !strings.Contains(err.Error(), why)):
			t.Errorf("%q: got %v, want an error that says %q", key, err, why)
		}
	}
}
