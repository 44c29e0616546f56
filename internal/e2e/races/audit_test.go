package races

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"
)

// written are the resources that make up a release.
var written = []string{"services", "deployments", "replicasets", "virtualservices", "destinationrules"}

// writes gives what a controller's pod wrote in the namespace from a moment on, as
// the API servers audited it: "patch services reviews: 409".
func (s shop) writes(pod string, from time.Time) (all []string) {
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
		all = append(all, fmt.Sprintf("%s %s: %d", kind, e.ObjectRef.Name, e.ResponseStatus.Code))
	}
	return all
}
