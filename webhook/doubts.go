package webhook

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/snapshot"
	"github.com/kubectl-grayscale/kubectl-grayscale/webhook/decide"
)

// The kinds of what may count the pods of both versions, or hold for those of the
// original alone.
var (
	budgets       = schema.GroupVersionKind{Group: "policy", Version: "v1", Kind: "PodDisruptionBudget"}
	authorization = schema.GroupVersionKind{Group: "security.istio.io", Version: "v1", Kind: "AuthorizationPolicy"}
	networks      = schema.GroupVersionKind{Group: "networking.k8s.io", Version: "v1", Kind: "NetworkPolicy"}
	sidecars      = schema.GroupVersionKind{Group: "networking.istio.io", Version: "v1", Kind: "Sidecar"}
	podMonitors   = schema.GroupVersionKind{Group: "monitoring.coreos.com", Version: "v1", Kind: "PodMonitor"}
)

// What is doubtful is worth a warning, and no more than this: admission ends in
// 2 s, and what is read for warnings must not be what it waits for.
const (
	doubtTime = 500 * time.Millisecond // for all kinds together
	doubtMost = 500                    // objects of a kind
)

// lookup is one list of what an admission may warn of.
type lookup struct {
	kind      schema.GroupVersionKind
	namespace string // empty: all
	found     []unstructured.Unstructured
	more      bool // there are more than were read
	err       error
}

// lookups are what is read for a release. An AuthorizationPolicy of the root
// namespace holds in all of them, and a PodMonitor stands anywhere.
func (r reader) lookups(spec release.Spec) []lookup {
	here, root := spec.Original.Namespace, r.settings.RootNamespace
	out := []lookup{{kind: authorization, namespace: here}, {kind: networks, namespace: here}, {kind: sidecars, namespace: here}, {kind: podMonitors}}
	if root != here && root != "" {
		out = append(out, lookup{kind: authorization, namespace: root})
	}
	if decide.Overlaps(spec) {
		out = append(out, lookup{kind: snapshot.Autoscalers, namespace: here}, lookup{kind: budgets, namespace: here})
	}
	return out
}

// doubts begins to look for what is legal but doubtful about a release that would
// start. What it gives waits for the warnings, until doubtTime from now at the
// latest; what has not been read by then, it says.
func (r reader) doubts(ctx context.Context, spec release.Spec) func() []string {
	ctx, cancel := context.WithTimeout(ctx, doubtTime)
	said := make(chan []string, 1)
	go func() {
		defer cancel()
		said <- warnings(ctx, spec, r.look(ctx, spec))
	}()
	return func() []string { return <-said }
}

// look reads all at once. A list whose answer does not come in time has that for
// its error: the discovery of a kind knows no time-out.
func (r reader) look(ctx context.Context, spec release.Spec) []lookup {
	all := r.lookups(spec)
	type answer struct {
		at   int
		list unstructured.UnstructuredList
		err  error
	}
	answers := make(chan answer, len(all))
	for n, l := range all {
		all[n].err = context.DeadlineExceeded
		go func() {
			list, err := r.page(ctx, l.kind, client.InNamespace(l.namespace), client.Limit(doubtMost))
			answers <- answer{n, list, err}
		}()
	}
	for range all {
		select {
		case a := <-answers:
			all[a.at].found, all[a.at].more, all[a.at].err = a.list.Items, a.list.GetContinue() != "", a.err
		case <-ctx.Done():
			return all
		}
	}
	return all
}

// warnings says what was found, and what nobody looked at. A kind that the cluster
// lacks, or that we may not read, is none.
func warnings(ctx context.Context, spec release.Spec, all []lookup) []string {
	found := map[string][]unstructured.Unstructured{}
	var unread []string
	for _, l := range all {
		found[l.kind.Kind] = append(found[l.kind.Kind], l.found...)
		switch {
		case l.err == nil && !l.more, meta.IsNoMatchError(l.err), apierrors.IsNotFound(l.err), apierrors.IsForbidden(l.err):
			continue
		case l.err != nil:
			log.FromContext(ctx).Error(l.err, "could not look for what to warn of", "kind", l.kind.Kind, "deployment", spec.Original.Key())
		}
		unread = append(unread, l.kind.Kind)
	}
	out := decide.Counts(spec, found[snapshot.Autoscalers.Kind], found[budgets.Kind])
	for _, kind := range []schema.GroupVersionKind{authorization, networks, sidecars, podMonitors} {
		out = append(out, decide.Misses(spec, found[kind.Kind])...)
	}
	slices.Sort(unread)
	if len(unread) > 0 {
		out = append(out, fmt.Sprintf("not every %s could be read: one that selects the pods of Deployment %s may leave those of the new version out, or count both",
			strings.Join(slices.Compact(unread), ", "), spec.Original.Key()))
	}
	return out
}
