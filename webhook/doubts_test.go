package webhook

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/snapshot"
)

// listing answers for the kinds that it names, and reads the others.
type listing struct {
	client.Reader
	kinds map[string]func(context.Context, client.ObjectList) error
}

// List implements client.Reader.
func (l listing) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	if answer, ok := l.kinds[strings.TrimSuffix(list.GetObjectKind().GroupVersionKind().Kind, "List")]; ok {
		return answer(ctx, list)
	}
	return l.Reader.List(ctx, list, opts...)
}

// TestWarningsHoldNothingUp: a kind that can't be read, or not in time, or not whole,
// is told of, and one that the cluster lacks is none; the intent is admitted.
func TestWarningsHoldNothingUp(t *testing.T) {
	const policy = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: strict, namespace: shop}
spec: {podSelector: {matchLabels: {version: v1}}}
`
	hangs := func(ctx context.Context, _ client.ObjectList) error { <-ctx.Done(); return ctx.Err() }
	deaf := make(chan struct{})
	t.Cleanup(func() { close(deaf) })
	for name, c := range map[string]struct {
		answer func(context.Context, client.ObjectList) error
		unread bool
	}{
		"hangs":                       {hangs, true},
		"hangs whatever the time-out": {func(context.Context, client.ObjectList) error { <-deaf; return nil }, true},
		"fails":                       {func(context.Context, client.ObjectList) error { return errors.New("gone") }, true},
		"goes on":                     {func(_ context.Context, l client.ObjectList) error { l.SetContinue("more"); return nil }, true},
		"is none that the cluster has": {func(context.Context, client.ObjectList) error {
			return &meta.NoKindMatchError{GroupKind: schema.GroupKind{Kind: "PodMonitor"}}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := deciding(t, &permits{allowed: []string{whole}})
			h.read.live = listing{snapshot.Files(documents(t, shop+"---"+policy)), map[string]func(context.Context, client.ObjectList) error{"PodMonitor": c.answer}}
			answer := h.Handle(t.Context(), request(fmt.Sprintf(original, asks), fmt.Sprintf(original, "{}")))
			if !answer.Allowed {
				t.Fatal(answer.Result)
			}
			said := strings.Join(answer.Warnings, "\n")
			if !strings.Contains(said, "NetworkPolicy shop/strict selects pods of version v1 and none of v2") {
				t.Errorf("does not warn of what was read: %q", said)
			}
			if strings.Contains(said, "not every PodMonitor could be read") != c.unread {
				t.Errorf("says %q of what could not be read", said)
			}
		})
	}
}
