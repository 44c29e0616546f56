package snapshot

import (
	"context"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/clip"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

// pods reads the Service's endpoints, and the pods that stand behind them: an
// EndpointSlice does not say which version an address is.
func (src Source) pods(ctx context.Context, s *plan.Snapshot) error {
	found, err := List(ctx, src.Reader, EndpointSlices, client.InNamespace(s.Key.Namespace), client.MatchingLabels{discoveryv1.LabelServiceName: s.Key.Name})
	if err != nil {
		return err
	}
	var podless []plan.Stranger
	s.Endpoints, podless = endpoints(found)
	s.Strangers = append(s.Strangers, podless...)
	service := release.ServiceOf(s.Service)
	if len(service.Selector) == 0 {
		return nil
	}
	pods, err := List(ctx, src.Live, Pods, client.InNamespace(s.Key.Namespace), client.MatchingLabels(service.Selector))
	if err != nil {
		return err
	}
	for _, u := range pods {
		var pod corev1.Pod
		if runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &pod) == nil {
			s.Pods = append(s.Pods, podOf(pod))
		}
	}
	return src.adopted(ctx, s)
}

// endpoints counts each pod once, however many slices and families it is in, and
// gives the ready addresses that are no pod's.
func endpoints(found []*unstructured.Unstructured) (out []plan.Endpoint, podless []plan.Stranger) {
	ready, order := map[string]bool{}, []string{}
	for _, u := range found {
		var slice discoveryv1.EndpointSlice
		if runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &slice) != nil {
			continue
		}
		for _, e := range slice.Endpoints {
			serves := e.Conditions.Ready == nil || *e.Conditions.Ready // "nil should be interpreted as true", says the API
			if e.TargetRef == nil || e.TargetRef.Kind != Pods.Kind {
				if serves {
					podless = append(podless, plan.Stranger{What: "address " + strings.Join(e.Addresses, ", ") + " of EndpointSlice " + u.GetNamespace() + "/" + u.GetName()})
				}
				continue
			}
			name := e.TargetRef.Name
			if _, seen := ready[name]; !seen {
				order = append(order, name)
			}
			ready[name] = ready[name] || serves
		}
	}
	for _, name := range order {
		out = append(out, plan.Endpoint{Pod: name, Ready: ready[name]})
	}
	return out, podless
}

func podOf(pod corev1.Pod) plan.Pod {
	p := plan.Pod{Name: pod.Name, Labels: pod.Labels, Leaving: pod.DeletionTimestamp != nil, Owner: owner(pod)}
	if controller := metav1.GetControllerOf(&pod); controller != nil {
		p.Controller = controller.Kind + " " + pod.Namespace + "/" + controller.Name
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
			p.Ready, p.ReadySince = true, c.LastTransitionTime.Time
		}
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable {
			p.Trouble = c.Reason + ": " + c.Message
		}
	}
	for _, c := range append(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses...) {
		if trouble := troubleOf(c); trouble != "" {
			p.Trouble = trouble
		}
	}
	return p
}

// owner names the Deployment that a pod is of: its ReplicaSet has the Deployment's
// name with the hash of the template behind.
// https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#pod-template-hash-label
func owner(pod corev1.Pod) string {
	set, hash := metav1.GetControllerOf(&pod), pod.Labels[appsv1.DefaultDeploymentUniqueLabelKey]
	if set == nil || set.Kind != ReplicaSets.Kind || hash == "" {
		return ""
	}
	name, ok := strings.CutSuffix(set.Name, "-"+hash)
	if !ok {
		return ""
	}
	return name
}

// adopted finds the Deployments of the pods whose ReplicaSet has another name: one
// that was there before its Deployment took it. Hardly any is; where it belongs to
// none, its pods are of no Deployment.
// https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/#non-template-pod-acquisitions
func (src Source) adopted(ctx context.Context, s *plan.Snapshot) error {
	odd := func(p plan.Pod) bool { return p.Owner == "" && strings.HasPrefix(p.Controller, ReplicaSets.Kind+" ") }
	if !slices.ContainsFunc(s.Pods, odd) {
		return nil
	}
	sets, err := src.metadata(ctx, s.Key.Namespace)
	if err != nil {
		return err
	}
	by := map[string]string{}
	for n := range sets {
		if owner := metav1.GetControllerOf(&sets[n]); owner != nil && owner.Kind == Deployments.Kind {
			by[ReplicaSets.Kind+" "+sets[n].Namespace+"/"+sets[n].Name] = owner.Name
		}
	}
	for n, p := range s.Pods {
		if odd(p) {
			s.Pods[n].Owner = by[p.Controller]
		}
	}
	return nil
}

// starting are the reasons of a container that is merely on its way.
var starting = map[string]bool{"ContainerCreating": true, "PodInitializing": true}

// mostTrouble is how many bytes of a registry's long answer are told.
const mostTrouble = 160

func troubleOf(c corev1.ContainerStatus) string {
	w := c.State.Waiting
	if w == nil || w.Reason == "" || starting[w.Reason] {
		return ""
	}
	if w.Message == "" {
		return w.Reason
	}
	return w.Reason + ": " + clip.Text(w.Message, mostTrouble)
}

// replicaSets reads the metadata of these Deployments' ReplicaSets, which hold
// copies of their annotations.
func (src Source) replicaSets(ctx context.Context, s *plan.Snapshot, originals ...types.UID) error {
	if len(originals) == 0 {
		return nil
	}
	sets, err := src.metadata(ctx, s.Key.Namespace)
	if err != nil {
		return err
	}
	for n := range sets {
		owner := metav1.GetControllerOf(&sets[n])
		if owner == nil || !slices.Contains(originals, owner.UID) {
			continue
		}
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&sets[n])
		if err != nil {
			return err
		}
		u := &unstructured.Unstructured{Object: content}
		u.SetGroupVersionKind(ReplicaSets)
		s.ReplicaSets = append(s.ReplicaSets, u)
	}
	return nil
}

// metadata reads that of all ReplicaSets of a namespace.
func (src Source) metadata(ctx context.Context, namespace string) ([]metav1.PartialObjectMetadata, error) {
	l := &metav1.PartialObjectMetadataList{}
	l.SetGroupVersionKind(ReplicaSets.GroupVersion().WithKind(ReplicaSets.Kind + "List"))
	if err := src.Live.List(ctx, l, client.InNamespace(namespace)); err != nil {
		return nil, fmt.Errorf("listing ReplicaSets of namespace %s: %w", namespace, err)
	}
	return l.Items, nil
}
