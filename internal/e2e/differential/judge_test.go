package differential

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route/evaluate"
)

// differs says how an answer is not one that the evaluator lets expect, empty
// when it is.
func differs(expected evaluate.Result, a answer) string {
	switch expected.Outcome {
	case evaluate.Redirected:
		if a.status != int(expected.Redirect.Status) || a.location != expected.Redirect.Location {
			return fmt.Sprintf("expected a redirect with %d to %s", expected.Redirect.Status, expected.Redirect.Location)
		}
		return ""
	case evaluate.Answered:
		if a.version != "" || a.status != int(expected.DirectResponse.Status) || a.body != expected.DirectResponse.Body && a.body != "" {
			return fmt.Sprintf("expected status %d %q of the proxy", expected.DirectResponse.Status, expected.DirectResponse.Body)
		}
		return ""
	case evaluate.NotFound:
		return status(a, 404)
	case evaluate.Refused:
		return status(a, 400)
	case evaluate.Forwarded, evaluate.Unrouted:
		return forwarded(expected, a)
	}
	return "expected no such route: " + string(expected.Outcome)
}

func status(a answer, want int) string {
	if a.version != "" || a.status != want {
		return fmt.Sprintf("expected status %d of the proxy", want)
	}
	return ""
}

// forwarded compares with all answers that the destinations can give. A fault
// may come before them.
func forwarded(expected evaluate.Result, a answer) string {
	var may []string
	if f := expected.Fault; f != nil {
		if f.AbortPerMillion > 0 {
			may = append(may, fmt.Sprintf("%d", f.AbortStatus))
		}
		if f.AbortPerMillion == 1_000_000 {
			return among(a, may)
		}
		// Envoy counts from when it began to look at its sockets, so that a busy one
		// seems to be early.
		if f.DelayPerMillion == 1_000_000 && a.took < f.Delay/2 {
			return fmt.Sprintf("it took %s, expected %s", a.took, f.Delay)
		}
	}
	for _, d := range expected.Destinations {
		may = append(may, possible(d)...)
	}
	return among(a, may)
}

// possible are the answers of a destination: app and version, or the proxy's own
// status where there is no such subset or Service.
func possible(d evaluate.Destination) []string {
	name, rest, _ := strings.Cut(d.Host, ".")
	app := "reviews"
	switch {
	case !strings.HasSuffix(rest, ".svc.cluster.local"):
		return []string{"502", "503"}
	case name == "ratings", name == barrier:
		app = "ratings"
	}
	switch version, ok := versions[d.Subset]; {
	case d.Subset == "" && app == "ratings":
		return []string{"ratings v1"}
	case d.Subset == "":
		return []string{"reviews v1", "reviews v2"}
	case !ok || app == "ratings":
		return []string{"503"}
	default:
		return []string{app + " " + version}
	}
}

func among(a answer, may []string) string {
	got := fmt.Sprintf("%d", a.status)
	if a.version != "" {
		got = a.app + " " + a.version
	}
	if slices.Contains(may, got) {
		return ""
	}
	return "expected one of " + strings.Join(may, ", ")
}
