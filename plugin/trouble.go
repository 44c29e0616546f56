package plugin

import (
	"bufio"
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// trouble finds out why a Deployment's pods do not become ready: what their
// containers wait for, what events warn of, what they last logged.
type trouble struct {
	e                   *Env
	namespace, workload string
	said                map[string]bool
}

func (e *Env) trouble(namespace, workload string) *trouble {
	return &trouble{e: e, namespace: namespace, workload: workload, said: map[string]bool{}}
}

// show tells what it finds, each fact once. What can't be read is left out:
// this is help in passing, and waiting needs none of it.
func (t *trouble) show(ctx context.Context, line *progress) {
	if by, ok := ctx.Deadline(); ok && time.Until(by) < stallAfter { // the time is over, and this is when it matters most
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), stallAfter)
		defer cancel()
	}
	for _, fact := range t.facts(ctx) {
		if !t.said[fact] {
			t.said[fact] = true
			line.note("  %s", fact)
		}
	}
}

func (t *trouble) facts(ctx context.Context) []string {
	c, err := t.e.Client()
	if err != nil {
		return nil
	}
	deployment := newObject("apps/v1", "Deployment")
	if c.Get(ctx, client.ObjectKey{Namespace: t.namespace, Name: t.workload}, deployment) != nil {
		return nil
	}
	selector, err := metav1.LabelSelectorAsSelector(ptr.To(release.WorkloadOf(deployment).Selector))
	var pods corev1.PodList
	if err != nil || selector.Empty() || c.List(ctx, &pods, client.InNamespace(t.namespace), client.MatchingLabelsSelector{Selector: selector}) != nil {
		return nil
	}
	about := map[string]bool{t.workload: true}
	var facts []string
	for n := range pods.Items {
		pod := &pods.Items[n]
		about[pod.Name] = true
		for _, owner := range pod.OwnerReferences {
			about[owner.Name] = true
		}
		facts = append(facts, waiting(pod)...)
	}
	facts = append(facts, t.warnings(ctx, c, about)...)
	for n := range pods.Items {
		facts = append(facts, t.logs(ctx, &pods.Items[n])...)
	}
	return facts
}

// waiting says what a pod waits for.
func waiting(pod *corev1.Pod) []string {
	var facts []string
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse {
			facts = append(facts, sentence("pod "+pod.Name, condition.Reason, condition.Message))
		}
	}
	for _, s := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if w := s.State.Waiting; w != nil && w.Reason != "" && w.Reason != "ContainerCreating" && w.Reason != "PodInitializing" {
			facts = append(facts, sentence("pod "+pod.Name+", container "+s.Name, w.Reason, w.Message))
		}
	}
	return facts
}

func sentence(at, reason, message string) string {
	return strings.TrimSuffix(at+": "+reason+": "+strings.TrimSpace(message), ": ")
}

// warnings gives the Warning events of the objects and of the ReplicaSets of
// the Deployment: a quota shows there only, for it leaves no pod.
func (t *trouble) warnings(ctx context.Context, c client.Client, about map[string]bool) []string {
	var events corev1.EventList
	if c.List(ctx, &events, client.InNamespace(t.namespace), client.MatchingFields{"type": corev1.EventTypeWarning}) != nil {
		return nil
	}
	var sets metav1.PartialObjectMetadataList
	sets.SetGroupVersionKind(newObject("apps/v1", "ReplicaSetList").GroupVersionKind())
	if c.List(ctx, &sets, client.InNamespace(t.namespace)) == nil {
		for _, set := range sets.Items {
			if owner := metav1.GetControllerOf(&set); owner != nil && owner.Name == t.workload {
				about[set.Name] = true
			}
		}
	}
	slices.SortStableFunc(events.Items, func(a, b corev1.Event) int {
		return cmp.Or(a.LastTimestamp.Compare(b.LastTimestamp.Time), strings.Compare(a.Name, b.Name))
	})
	var facts []string
	for _, event := range events.Items {
		if on := event.InvolvedObject; about[on.Name] {
			facts = append(facts, sentence("event on "+strings.ToLower(on.Kind)+" "+on.Name, event.Reason, event.Message))
		}
	}
	return facts
}

// logs gives the last lines of the containers that run and are not ready, or
// that fell.
func (t *trouble) logs(ctx context.Context, pod *corev1.Pod) []string {
	set := t.e.Logs()
	if set == nil {
		return nil
	}
	var facts []string
	for _, s := range pod.Status.ContainerStatuses {
		if s.Ready || s.State.Running == nil && s.RestartCount == 0 {
			continue
		}
		options := &corev1.PodLogOptions{Container: s.Name, TailLines: ptr.To[int64](3), Previous: s.State.Running == nil}
		stream, err := set.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, options).Stream(ctx)
		if err != nil {
			continue
		}
		for lines := bufio.NewScanner(stream); lines.Scan(); {
			facts = append(facts, "log of "+pod.Name+": "+lines.Text())
		}
		_ = stream.Close() // only read from
	}
	return facts
}
