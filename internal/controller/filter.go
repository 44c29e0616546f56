package controller

import (
	"reflect"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
)

var options = controller.Options{
	MaxConcurrentReconciles: 4,
	// A pass that fails is tried again soon, and slower and slower.
	RateLimiter: workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](100*time.Millisecond, time.Minute),
}

// only filters updates by what has changed between the two objects.
func only(matters func(before, after client.Object) bool) builder.WatchesOption {
	return builder.WithPredicates(predicate.Funcs{
		UpdateFunc: func(e event.UpdateEvent) bool { return matters(e.ObjectOld, e.ObjectNew) },
	})
}

// mattering says whether a Service changed in what a release rests on.
func mattering(before, after client.Object) bool {
	b, ok := before.(*unstructured.Unstructured)
	a, also := after.(*unstructured.Unstructured)
	return !ok || !also || !reflect.DeepEqual(b.Object["spec"], a.Object["spec"]) ||
		!reflect.DeepEqual(intent.Of(b.GetAnnotations()), intent.Of(a.GetAnnotations())) || b.GetUID() != a.GetUID()
}

// leading says whether a Service changed in where it leads to, or from where.
func leading(before, after client.Object) bool {
	b, ok := before.(*unstructured.Unstructured)
	a, also := after.(*unstructured.Unstructured)
	return !ok || !also || !reflect.DeepEqual(b.Object["spec"], a.Object["spec"])
}
