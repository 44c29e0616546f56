package webhook

import (
	"strings"
	"testing"

	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/webhook/decide"
)

// TestWhatWasLetThroughIsTold, with the user's name, where the write takes effect: not
// of a dry run, and not where something else of it is refused.
func TestWhatWasLetThroughIsTold(t *testing.T) {
	yes := true
	for name, c := range map[string]struct {
		verdict decide.Verdict
		dry     *bool
		told    int
	}{
		"a yield":                {verdict: decide.Verdict{Yields: []string{"scales it to 0"}}, told: 1},
		"two":                    {verdict: decide.Verdict{Yields: []string{"scales it to 0", "and more"}}, told: 2},
		"none":                   {},
		"a yield, by a dry run":  {verdict: decide.Verdict{Yields: []string{"scales it to 0"}}, dry: &yes},
		"a yield, and a refusal": {verdict: decide.Verdict{Yields: []string{"scales it to 0"}, Faults: intent.Faults{{At: "x"}}}},
	} {
		said := events.NewFakeRecorder(10)
		req := admission.Request{AdmissionRequest: request("", "").AdmissionRequest}
		req.DryRun = c.dry
		recorder{said}.yields(req, documents(t, shop)[0], c.verdict)
		if len(said.Events) != c.told {
			t.Errorf("%s: %d events, want %d", name, len(said.Events), c.told)
		}
		if c.told > 0 {
			if event := <-said.Events; !strings.Contains(event, "Warning "+ReasonUnprotected+" user jane scales it to 0") {
				t.Errorf("%s: says %q", name, event)
			}
		}
	}
}
