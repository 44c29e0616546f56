package snapshot_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/snapshot"
)

// crowd is an API server with so many objects of every kind, each with a large
// annotation, that keeps what it was asked for.
type crowd struct {
	client.Reader
	sync.Mutex
	size    int
	pages   []int64 // the limit of each page that was asked for
	reading int     // pages that are being read
	most    int     // of them at once
}

// List gives the page after the one that the continue token names.
func (c *crowd) List(_ context.Context, list client.ObjectList, opts ...client.ListOption) error {
	o := (&client.ListOptions{}).ApplyOptions(opts)
	c.Lock()
	c.pages, c.reading = append(c.pages, o.Limit), c.reading+1
	c.most = max(c.most, c.reading)
	c.Unlock()
	defer func() { c.Lock(); c.reading--; c.Unlock() }()
	from, _ := strconv.Atoi(o.Continue)
	to := min(c.size, from+int(o.Limit))
	for n := from; n < to; n++ {
		name, annotations := fmt.Sprintf("o-%d", n), map[string]string{"large": strings.Repeat("x", 1000), "grayscale.dev/weight": "5"}
		switch l := list.(type) {
		case *unstructured.UnstructuredList:
			u := snapshot.Object(l.GroupVersionKind().GroupVersion().WithKind(strings.TrimSuffix(l.GetKind(), "List")))
			u.SetNamespace(o.Namespace)
			u.SetName(name)
			u.SetAnnotations(annotations)
			l.Items = append(l.Items, *u)
		case *metav1.PartialObjectMetadataList:
			l.Items = append(l.Items, metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: annotations}})
		}
	}
	if to < c.size {
		list.SetContinue(strconv.Itoa(to))
	}
	return nil
}

func listOf(kind schema.GroupVersionKind) *unstructured.UnstructuredList {
	l := &unstructured.UnstructuredList{}
	l.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
	return l
}

// TestLean: a list is whole, whatever its pages are, and has nothing large.
func TestLean(t *testing.T) {
	for name, test := range map[string]struct {
		kind  schema.GroupVersionKind
		size  int
		limit int64
		pages []int64
		items int
		more  bool
	}{
		"none":                {kind: snapshot.Services, pages: []int64{50}},
		"one page":            {kind: snapshot.Services, size: 50, pages: []int64{50}, items: 50},
		"some pages":          {kind: snapshot.Services, size: 101, pages: []int64{50, 50, 50}, items: 101},
		"a limit":             {kind: snapshot.Services, size: 200, limit: 70, pages: []int64{50, 20}, items: 70, more: true},
		"a limit of one page": {kind: snapshot.Services, size: 200, limit: 50, pages: []int64{50}, items: 50, more: true},
		"a limit of them all": {kind: snapshot.Services, size: 70, limit: 70, pages: []int64{50, 20}, items: 70},
		"metadata of them":    {kind: snapshot.ReplicaSets, size: 101, pages: []int64{50, 50, 50}, items: 101},
	} {
		t.Run(name, func(t *testing.T) {
			c := &crowd{size: test.size}
			var list client.ObjectList = listOf(test.kind)
			if test.kind == snapshot.ReplicaSets {
				list = &metav1.PartialObjectMetadataList{TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "ReplicaSetList"}}
			}
			if err := snapshot.NewLean(c).List(t.Context(), list, client.InNamespace("shop"), client.Limit(test.limit)); err != nil {
				t.Fatal(err)
			}
			var names []string
			seen := func(o client.Object) {
				names = append(names, o.GetName())
				if got := o.GetAnnotations(); len(got) != 1 || got["grayscale.dev/weight"] != "5" {
					t.Errorf("%s has annotations %v", o.GetName(), got)
				}
			}
			switch l := list.(type) {
			case *unstructured.UnstructuredList:
				for n := range l.Items {
					seen(&l.Items[n])
				}
			case *metav1.PartialObjectMetadataList:
				for n := range l.Items {
					seen(&l.Items[n])
				}
			}
			slices.Sort(names)
			if len(slices.Compact(names)) != test.items || !slices.Equal(c.pages, test.pages) || (list.GetContinue() != "") != test.more {
				t.Errorf("%d objects by pages of %v, more: %q", len(names), c.pages, list.GetContinue())
			}
		})
	}
}

// TestLeanPagesAtOnce: however many different lists are asked for, few pages are in
// memory.
func TestLeanPagesAtOnce(t *testing.T) {
	c := &crowd{size: 120}
	lean := snapshot.NewLean(c)
	var all sync.WaitGroup
	for n := range 30 {
		all.Go(func() {
			l := listOf(snapshot.Services)
			if err := lean.List(t.Context(), l, client.InNamespace(strconv.Itoa(n))); err != nil || len(l.Items) != 120 {
				t.Errorf("%d objects: %v", len(l.Items), err)
			}
		})
	}
	all.Wait()
	if c.most > 4 || len(c.pages) != 90 {
		t.Errorf("%d pages, %d of them at once", len(c.pages), c.most)
	}
}

// TestLeanSnapshot: what is read lean is what is read whole, as far as plans go.
func TestLeanSnapshot(t *testing.T) {
	objects := snapshot.Files(parse(t, shop))
	s, err := snapshot.Read(t.Context(), snapshot.NewLean(objects), reviews, plan.Defaults)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := snapshot.Read(t.Context(), objects, reviews, plan.Defaults)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Deployments) != len(whole.Deployments) || len(s.VirtualServices) != len(whole.VirtualServices) || len(s.DestinationRules) != len(whole.DestinationRules) || len(s.Ways) != len(whole.Ways) {
		t.Errorf("got\n%+v\nwant\n%+v", s, whole)
	}
}
