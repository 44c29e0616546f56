package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/plan"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/snapshot"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/workload"
)

func newRender(e *Env) *cobra.Command {
	var files []string
	cmd := &cobra.Command{
		Use:   "render TASK | render -f FILE",
		Short: "Print the objects of a release as they will be, as YAML",
		Long: `Print the objects of a release as they will be once its policy is delivered: the
grayscale version's Deployment, the VirtualServices with their routes, the
DestinationRules. It is the reconciler's own code that makes them.

With -f everything is read from files, and no cluster is asked: Deployments (the
original with its annotations), Services, VirtualServices, DestinationRules.`,
		Example: indent(e, `
%[1]s render reviews-v2
kubectl kustomize . | %[1]s render -f -`),
		ValidArgsFunction: e.completeTask,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(files) > 0 && len(args) > 0:
				return usage("render takes TASK or -f FILE, not both")
			case len(files) > 0:
				return e.renderFiles(cmd.Context(), files)
			}
			if err := exactly("TASK (or -f FILE)")(cmd, args); err != nil {
				return err
			}
			return e.render(cmd.Context(), args[0])
		},
	}
	cmd.Flags().StringSliceVarP(&files, "filename", "f", nil, "Files to read in place of the cluster; - is stdin")
	return cmd
}

func (e *Env) render(ctx context.Context, task string) error {
	objects, _, err := e.desired(ctx, task)
	if err != nil {
		return err
	}
	return e.printYAML(objects)
}

// desired gives the objects of a release as they will be, and the client that
// reads them as they are.
func (e *Env) desired(ctx context.Context, task string) ([]*unstructured.Unstructured, client.Client, error) {
	f, err := e.find(ctx, task)
	if err != nil {
		return nil, nil, err
	}
	name := f.namespace() + "/" + f.task
	switch {
	case f.ended:
		return nil, nil, fmt.Errorf("release %s is over (%s): nothing of it is left to be written", name, f.status.Phase)
	case f.service == nil:
		return nil, nil, fmt.Errorf("release %s: it is not clear which Service Deployment %s is released under", name, f.deployment.GetName())
	}
	c, err := e.Client()
	if err != nil {
		return nil, nil, err
	}
	objects, err := e.desiredFrom(ctx, c, client.ObjectKeyFromObject(f.service))
	return objects, c, err
}

func (e *Env) desiredFrom(ctx context.Context, r client.Reader, service types.NamespacedName) ([]*unstructured.Unstructured, error) {
	set, _ := e.settings(ctx)
	s, err := snapshot.Read(ctx, r, service, set)
	if err != nil {
		return nil, err
	}
	objects, reasons := plan.Desired(s, e.Now())
	if len(reasons) > 0 {
		return nil, fmt.Errorf("the release of Service %s can't be carried out:\n%s", service, bullets(plainly(strings.Join(reasons, "\n"))))
	}
	return objects, nil
}

func (e *Env) printYAML(objects []*unstructured.Unstructured) error {
	text, err := toYAML(objects)
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(e.Out, text)
	return err
}

// renderFiles renders every release that the files ask for.
func (e *Env) renderFiles(ctx context.Context, paths []string) error {
	var objects []*unstructured.Unstructured
	for _, path := range paths {
		read, err := e.readFile(path)
		if err != nil {
			return err
		}
		objects = append(objects, read...)
	}
	if err := e.place(objects); err != nil {
		return err
	}
	e.Connect = func() (client.WithWatch, error) { return nil, errors.New("rendering from files asks no cluster") }
	files := snapshot.Files(objects)
	services, err := asked(ctx, files)
	if err != nil {
		return err
	}
	var out []*unstructured.Unstructured
	for _, service := range services {
		desired, err := e.desiredFrom(ctx, files, service)
		if err != nil {
			return err
		}
		out = append(out, desired...)
	}
	return e.printYAML(out)
}

// place puts the objects that have no namespace into that of -n or the context,
// as kubectl does. What is cluster-scoped is read by its name alone.
func (e *Env) place(objects []*unstructured.Unstructured) error {
	namespace, err := e.Namespace()
	if err != nil {
		return err
	}
	for _, u := range objects {
		if u.GetNamespace() == "" {
			u.SetNamespace(namespace)
		}
	}
	return nil
}

// asked gives the Services of all releases that the Deployments ask for.
func asked(ctx context.Context, r client.Reader) ([]types.NamespacedName, error) {
	var s scene
	var err error
	if s.services, err = snapshot.List(ctx, r, snapshot.Services); err != nil {
		return nil, err
	}
	if s.deployments, err = snapshot.List(ctx, r, snapshot.Deployments); err != nil {
		return nil, err
	}
	var out []types.NamespacedName
	for _, d := range s.deployments {
		if !intent.Starts(d.GetAnnotations()) || workload.IsClone(d) {
			continue
		}
		w := release.WorkloadOf(d)
		service := s.serviceFor(d.GetAnnotations()[intent.KeyService], w)
		if service == nil {
			return nil, fmt.Errorf("the files have no Service, or several, for Deployment %s", w.Key())
		}
		if key := client.ObjectKeyFromObject(service); !slices.Contains(out, key) {
			out = append(out, key)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no Deployment in the files asks for a release: none has the annotation %s", intent.KeyRelease)
	}
	return out, nil
}

// readFile reads the objects of a YAML or JSON file; Lists are taken apart.
func (e *Env) readFile(path string) (objects []*unstructured.Unstructured, err error) {
	in := e.In
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer func() { _ = file.Close() }() // only read from
		in = file
	}
	decoder := yaml.NewYAMLOrJSONDecoder(in, 4096)
	for n := 1; ; n++ {
		u := &unstructured.Unstructured{}
		err := decoder.Decode(&u.Object)
		switch {
		case errors.Is(err, io.EOF):
			return objects, nil
		case err != nil:
			return nil, fmt.Errorf("reading %s: document %d: %w", path, n, err)
		case len(u.Object) == 0:
			continue // an empty document
		case u.GetKind() == "" || u.GetAPIVersion() == "":
			return nil, fmt.Errorf("reading %s: document %d is no Kubernetes object: it lacks kind or apiVersion", path, n)
		case !u.IsList():
			objects = append(objects, u)
			continue
		}
		err = u.EachListItem(func(item runtime.Object) error {
			objects = append(objects, item.(*unstructured.Unstructured))
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("reading %s: document %d: %w", path, n, err)
		}
	}
}
