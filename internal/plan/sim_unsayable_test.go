package plan_test

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
)

// Rules on headers whose names have no second way to be written: a route that
// restricts one of them can't say the rule beside it.
const (
	seven = `match=[{headers: {"7": {exact: a}}}]`
	eight = `match=[{headers: {"8": {exact: a}}}]`
)

// patchesRoutes is kubectl edit on routes of the user's with ours between them,
// which stay where they are.
func patchesRoutes(key, how string, change func(route map[string]any)) step {
	return func(c *cluster) {
		c.say("user    patches %s: %s", key, how)
		c.judge.meddle()
		out := c.get(key).DeepCopy()
		for _, r := range out.Object["spec"].(map[string]any)["http"].([]any) {
			if fields := r.(map[string]any); !route.HasOurs(&unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"http": []any{fields}}}}) {
				change(fields)
			}
		}
		c.judge.users[key] = route.Strip(out)
		c.put(out)
	}
}

// restricts lets a route have one match, with these headers.
func restricts(headers ...string) func(map[string]any) {
	return func(fields map[string]any) {
		conditions := map[string]any{}
		for _, name := range headers {
			conditions[name] = map[string]any{"exact": "b"}
		}
		fields["match"] = []any{map[string]any{"headers": conditions}}
	}
}

// grows gives a route a field of that many bytes; of none, takes it away.
func grows(bytes int) func(map[string]any) {
	return func(fields map[string]any) {
		fields["futureField"] = strings.Repeat("x", bytes)
		if bytes == 0 {
			delete(fields, "futureField")
		}
	}
}

// ratingsToo annotates the other release's Deployment in the same moment.
func ratingsToo(do step, pairs ...string) step {
	return atOnce(do, func(c *cluster) { c.annotate("shop/ratings", pairs...) })
}
