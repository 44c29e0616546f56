package snapshot

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Files reads from objects as they stand in files, for a plan without a
// cluster. Objects without a namespace are in "default".
func Files(objects []*unstructured.Unstructured) client.Reader {
	in := make(files, len(objects))
	for n, u := range objects {
		in[n] = u.DeepCopy()
		if in[n].GetNamespace() == "" {
			in[n].SetNamespace(metav1.NamespaceDefault)
		}
	}
	return in
}

type files []*unstructured.Unstructured

// Get gives the object of that kind and name.
func (f files) Get(_ context.Context, key client.ObjectKey, o client.Object, _ ...client.GetOption) error {
	to, ok := o.(*unstructured.Unstructured)
	if !ok {
		return fmt.Errorf("reading %T from files: only unstructured objects are read", o)
	}
	kind := to.GroupVersionKind()
	for _, u := range f {
		if sameKind(u, kind) && client.ObjectKeyFromObject(u) == key {
			u.DeepCopyInto(to)
			return nil
		}
	}
	return errors.NewNotFound(schema.GroupResource{Group: kind.Group, Resource: kind.Kind}, key.String())
}

// List gives the objects of that kind in the namespace that have the labels.
func (f files) List(_ context.Context, l client.ObjectList, opts ...client.ListOption) error {
	to, ok := l.(*unstructured.UnstructuredList)
	if !ok {
		return nil // metadata of what no file holds
	}
	options := (&client.ListOptions{}).ApplyOptions(opts)
	kind := to.GroupVersionKind()
	kind.Kind = kind.Kind[:len(kind.Kind)-len("List")]
	for _, u := range f {
		if !sameKind(u, kind) || options.Namespace != "" && u.GetNamespace() != options.Namespace {
			continue
		}
		if options.LabelSelector != nil && !options.LabelSelector.Matches(labels.Set(u.GetLabels())) {
			continue
		}
		to.Items = append(to.Items, *u.DeepCopy())
	}
	return nil
}

// sameKind compares group and kind: files may hold Istio's v1beta1.
func sameKind(u *unstructured.Unstructured, kind schema.GroupVersionKind) bool {
	return u.GroupVersionKind().GroupKind() == kind.GroupKind()
}
