package snapshot

import (
	"context"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Lean reads lists live for many at once in little memory: page by page, of each
// object what [Slim] leaves, and one list for all who ask for the same one. No list
// began before it was asked for. What it gives is shared, and not to be changed;
// objects that are read by name are whole, and the asker's own.
type Lean struct {
	client.Reader
	lists flights[unstructured.UnstructuredList]
	pages chan struct{}
}

const (
	// pagesAtOnce and the page size bound what is in memory unslimmed. A namespace
	// of large objects takes one or two: the others are for other people.
	pagesAtOnce = 4
	// listTime ends a list whose askers have all given up.
	listTime = 10 * time.Second
)

// NewLean reads with live, which must read from the API server itself.
func NewLean(live client.Reader) *Lean {
	return &Lean{Reader: live, pages: make(chan struct{}, pagesAtOnce)}
}

// List implements client.Reader. A limit bounds all that is read, not a page.
func (l *Lean) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	o := (&client.ListOptions{}).ApplyOptions(opts)
	switch to := list.(type) {
	case *unstructured.UnstructuredList:
		return l.shared(ctx, to, *o)
	case *metav1.PartialObjectMetadataList:
		return read(ctx, l, *o, func() *metav1.PartialObjectMetadataList {
			return &metav1.PartialObjectMetadataList{TypeMeta: to.TypeMeta}
		}, func(page *metav1.PartialObjectMetadataList) {
			for n := range page.Items {
				bare(&page.Items[n])
			}
			to.ListMeta, to.Items = page.ListMeta, append(to.Items, page.Items...)
		})
	}
	return l.Reader.List(ctx, list, opts...)
}

func (l *Lean) shared(ctx context.Context, to *unstructured.UnstructuredList, o client.ListOptions) error {
	kind := to.GroupVersionKind()
	what := fmt.Sprintf("%s|%s|%v|%v|%d|%s", kind, o.Namespace, o.LabelSelector, o.FieldSelector, o.Limit, o.Continue)
	all, err := l.lists.join(ctx, what, func(ctx context.Context) (all unstructured.UnstructuredList, err error) {
		ctx, cancel := context.WithTimeout(ctx, listTime)
		defer cancel()
		err = read(ctx, l, o, func() *unstructured.UnstructuredList {
			page := &unstructured.UnstructuredList{}
			page.SetGroupVersionKind(kind)
			return page
		}, func(page *unstructured.UnstructuredList) {
			for n := range page.Items {
				Slim(&page.Items[n])
			}
			all.Items = append(all.Items, page.Items...)
			all.Object = page.Object
		})
		return all, err
	})
	if err != nil {
		return err
	}
	to.SetResourceVersion(all.GetResourceVersion())
	to.SetContinue(all.GetContinue())
	to.Items = slices.Clone(all.Items)
	return nil
}

// read reads a list page by page; take has each before the next one is read.
func read[L client.ObjectList](ctx context.Context, l *Lean, o client.ListOptions, empty func() L, take func(L)) error {
	for left := o.Limit; ; {
		page := empty()
		o.Limit = pageSize
		if left > 0 {
			o.Limit = min(o.Limit, left)
		}
		if err := l.page(ctx, page, o, func() { take(page) }); err != nil {
			return err
		}
		if left -= o.Limit; page.GetContinue() == "" || left == 0 {
			return nil
		}
		o.Continue = page.GetContinue()
	}
}

// page reads one page, and has it taken, while few others are read.
func (l *Lean) page(ctx context.Context, page client.ObjectList, o client.ListOptions, take func()) error {
	select {
	case l.pages <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("waiting for other lists: %w", ctx.Err())
	}
	defer func() { <-l.pages }()
	if err := l.Reader.List(ctx, page, &o); err != nil {
		return err
	}
	take()
	return nil
}
