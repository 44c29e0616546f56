package races

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"
)

// judged are the writes that the API server lets pass only where the writer knew
// the newest state: an update, a deletion and the patch of a Service carry the
// object's resourceVersion, of two that create a name one fails, and a clone is
// admitted by a claim that is read live. A scale, and a patch of labels, say nothing
// of what their writer knew.
var judged = []string{
	"patch services", "update virtualservices", "update destinationrules",
	"create virtualservices", "create destinationrules", "create deployments",
	"delete virtualservices", "delete destinationrules", "delete deployments",
}

// written are the resources that make up a release.
var written = []string{"services", "deployments", "replicasets", "virtualservices", "destinationrules"}

// writes gives what a controller's pod wrote in the namespace from a moment on, as
// the API servers audited it: what took effect by the API server's judgement, what
// did without, and what was refused.
func (s shop) writes(pod string, from time.Time) (passed, unjudged, refused []string) {
	s.Helper()
	text, err := os.ReadFile(os.Getenv("AUDIT_LOG"))
	if err != nil {
		s.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		var e struct {
			Verb string
			User struct {
				Extra map[string][]string
			}
			ObjectRef                struct{ Resource, Subresource, Name, Namespace string }
			ResponseStatus           struct{ Code int }
			RequestReceivedTimestamp time.Time
		}
		if !bytes.Contains(line, []byte(pod)) || json.Unmarshal(line, &e) != nil {
			continue // the last line may be half written
		}
		writes := slices.Contains([]string{"create", "update", "patch", "delete"}, e.Verb) && slices.Contains(written, e.ObjectRef.Resource)
		if !writes || e.ObjectRef.Namespace != s.namespace || e.RequestReceivedTimestamp.Before(from) || !slices.Contains(e.User.Extra["authentication.kubernetes.io/pod-name"], pod) {
			continue
		}
		kind := e.Verb + " " + e.ObjectRef.Resource
		if e.ObjectRef.Subresource != "" {
			kind += "/" + e.ObjectRef.Subresource
		}
		what := fmt.Sprintf("%s %s: %d", kind, e.ObjectRef.Name, e.ResponseStatus.Code)
		switch {
		case e.ResponseStatus.Code >= 400:
			refused = append(refused, what)
		case slices.Contains(judged, kind):
			passed = append(passed, what)
		default:
			unjudged = append(unjudged, what)
		}
	}
	return passed, unjudged, refused
}
