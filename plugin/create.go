package plugin

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

type createOptions struct {
	writeOptions
	policyFlags
	task, service, workload string
	replicas                string
	patchFile, patch        string
	originalVersion         string
	// plain are the flags that are annotations as they are.
	plain map[string]*string
}

func newCreate(e *Env) *cobra.Command {
	o := createOptions{plain: map[string]*string{}}
	cmd := &cobra.Command{
		Use:   "create [TASK] --service NAME --image REF",
		Short: "Start a release",
		Long: `Start a release: run a second version of a Deployment beside it, with another
image or with other settings (--patch-file, a strategic merge patch of the pod
template).

It gets no traffic until a policy gives it some. Without TASK the release is
called SERVICE-VERSION. The same create twice changes nothing.

A blue-green release has the original's full count of pods, and no share of the
traffic: takeover moves all of it, in either direction.`,
		Example: indent(e, `
%[1]s create --service reviews --image v2 --wait
%[1]s create --service reviews --image v2 --match cookie:User=Internal --weight 1
%[1]s create --service reviews --image v2 --form blue-green --wait
%[1]s create --service reviews --patch-file more-memory.yaml --version v1-memory
%[1]s create reviews-fix --workload deploy/reviews-v1 --image example.com/reviews:1.2.1 --version v1-2-1`),
		Args: between(0, "TASK"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				o.task = args[0]
			}
			for key := range o.plain {
				if !cmd.Flags().Changed(strings.TrimPrefix(key, intent.Prefix)) {
					delete(o.plain, key)
				}
			}
			if err := o.validate(e); err != nil {
				return err
			}
			return o.run(cmd.Context(), e)
		},
	}
	o.addFlags(e, cmd)
	return cmd
}

func (o *createOptions) addFlags(e *Env, cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.service, "service", "", "Service whose traffic is split (default: the one that selects the workload)")
	f.StringVar(&o.workload, "workload", "", "Deployment to release, as deploy/NAME (default: the one of the Service)")
	plain := func(name, help string) {
		o.plain[intent.Prefix+name] = f.String(name, "", help)
	}
	plain("image", "New image: TAG, REPO:TAG, REPO@DIGEST, or CONTAINER=REF,CONTAINER=REF")
	plain("version", "Version label of the grayscale version (default: the image's tag)")
	plain("form", "Form of the release: canary (default) or blue-green")
	plain("name", "Name of the grayscale version's Deployment (default: made of the original's and the version)")
	plain("finish", "How it ends when it is kept: in-place or replace (default: in-place where the selector allows it)")
	f.StringVar(&o.patchFile, "patch-file", "", "File with a strategic merge patch of the pod template, as YAML; - is stdin")
	f.StringVar(&o.originalVersion, "original-version", "", "Version label for a workload that has none: one ordinary rollout first")
	f.StringVar(&o.replicas, "replicas", "", "Replicas of the grayscale version: a number, or auto for what its share needs (default auto)")
	o.policyFlags.addFlags(cmd)
	o.writeOptions.addFlags(f, "the grayscale version is ready, and any policy is delivered")
	registerChoices(cmd, "form", string(intent.Canary), string(intent.BlueGreen))
	registerChoices(cmd, "finish", string(intent.InPlace), string(intent.Replace))
	register(cmd, "service", e.completeNames("", false))
	register(cmd, "workload", e.completeNames("deploy/", true))
}

func (o *createOptions) validate(e *Env) (err error) {
	if err := noneEmpty(o.flags); err != nil {
		return err
	}
	switch {
	case o.service == "" && o.workload == "":
		return usage("create needs to know what to release: --service NAME or --workload deploy/NAME")
	case o.plain[intent.KeyImage] == nil && o.patchFile == "":
		return usage("--image is missing: the new version's image (or --patch-file, for other settings)")
	case o.task != "" && !intent.IsTask(o.task):
		return usage("TASK %q is no task name; write 4 to 63 characters a-z 0-9 -, starting with a letter and ending with a letter or digit", o.task)
	case o.patchFile == "-" && o.matchFile == "-":
		return usage("--patch-file and --match-file can't both be stdin")
	}
	if form := o.plain[intent.KeyForm]; form != nil {
		if err := oneOf("--form", *form, string(intent.Canary), string(intent.BlueGreen)); err != nil {
			return err
		}
	}
	if finish := o.plain[intent.KeyFinish]; finish != nil {
		if err := oneOf("--finish", *finish, string(intent.InPlace), string(intent.Replace)); err != nil {
			return err
		}
	}
	if o.workload != "" {
		kind, name, slash := strings.Cut(o.workload, "/")
		if !slash {
			kind, name = "deploy", o.workload
		}
		if !slices.Contains([]string{"deploy", "deployment", "deployments", "deployment.apps"}, strings.ToLower(kind)) || name == "" {
			return usage("--workload %q: a release is of a Deployment; write deploy/NAME", o.workload)
		}
		o.workload = name
	}
	if o.patchFile != "" {
		if o.patch, err = e.readText("--patch-file", o.patchFile); err != nil {
			return err
		}
	}
	if o.replicas != "" {
		if o.replicas, err = replicas(o.replicas); err != nil {
			return err
		}
	}
	if err := o.policyFlags.validate(e); err != nil {
		return err
	}
	return o.writeOptions.validate()
}

func (o *createOptions) run(ctx context.Context, e *Env) error {
	namespace, err := e.Namespace()
	if err != nil {
		return err
	}
	s, err := e.scene(ctx, namespace)
	if err != nil {
		return err
	}
	d, err := o.original(s)
	if err != nil {
		return err
	}
	g := untilReady
	if o.given() {
		g = untilPolicy
	}
	if f, err := o.same(s, d); f != nil || err != nil {
		if err != nil {
			return err
		}
		return o.report(ctx, e, *f, d, "unchanged", g)
	}
	w := o.annotations(d)
	set, _ := e.settings(ctx)
	before := d
	if o.originalVersion != "" {
		if d, err = o.labelled(d, set.VersionLabel); err != nil {
			return err
		}
		s = s.with(d)
	}
	spec, err := o.judge(s, d, w, set.VersionLabel)
	if err != nil {
		return err
	}
	w.set(intent.KeyRelease, spec.Intent.Release)
	after, err := o.write(ctx, e, s, before, d, w, spec)
	if err != nil {
		return err
	}
	f := s.askedFor(spec.Intent.Release, after)
	done := fmt.Sprintf("created: %s to %s of Service %s, as Deployment %s", spec.Versions.Original, spec.Versions.Grayscale, spec.Service.Name, spec.Clone)
	if err := o.report(ctx, e, f, after, done, g); err != nil || o.dryRun != "" {
		return err
	}
	e.passOn(ctx, f, o.rules)
	if o.wait {
		return nil
	}
	e.Say("Next, the controller starts %s beside %s; your routes keep all traffic on %s until it is ready.", spec.Clone, d.GetName(), spec.Versions.Original)
	e.Say("Watch it: %s", e.command(namespace, "status", f.task, "-w"))
	return nil
}

// write writes the intent, after the rollout of d where that is not yet what
// the cluster has.
func (o *createOptions) write(ctx context.Context, e *Env, s scene, before, d *unstructured.Unstructured, w words, spec release.Spec) (after *unstructured.Unstructured, err error) {
	dry := o.dryRun
	o.before = before.GetAnnotations()
	if o.before == nil {
		o.before = map[string]string{}
	}
	if d != before {
		if d, err = o.versioned(ctx, e, s, before, d, w, spec); err != nil {
			return nil, err
		}
		if dry == dryRunServer {
			return d, nil // judged already: the API server does not know it
		}
	}
	after, _, err = e.annotate(ctx, d, w, dry)
	return after, err
}

// annotations are those to write: all that was asked, and nothing that may have
// been left over.
func (o *createOptions) annotations(d *unstructured.Unstructured) words {
	w := words{}
	for _, key := range intent.Keys {
		if _, there := d.GetAnnotations()[key]; there && key != intent.KeyBy {
			w.remove(key)
		}
	}
	for key, value := range o.asked() {
		w.set(key, value)
	}
	return w
}

// asked are the annotations that the flags stand for, without the task.
func (o *createOptions) asked() map[string]string {
	asked := map[string]string{}
	for key, value := range o.plain {
		asked[key] = *value
	}
	for key, value := range o.words() {
		if value != nil {
			asked[key] = *value
		}
	}
	for key, value := range map[string]string{
		intent.KeyService: o.service, intent.KeyPatch: o.patch, intent.KeyReplicas: o.replicas, intent.KeyAccept: strings.Join(o.accept, ","),
	} {
		if value != "" {
			asked[key] = value
		}
	}
	return asked
}

// judge says everything that is wrong with the release before anything is
// written, by the webhook's own rules, and gives it a name where it has none.
func (o *createOptions) judge(s scene, d *unstructured.Unstructured, w words, label string) (release.Spec, error) {
	task := o.task
	if task == "" {
		task = "unnamed" // until the version is known
	}
	w.set(intent.KeyRelease, task)
	i, faults := intent.Parse(w.on(d.GetAnnotations()))
	world := release.World{Services: s.serviceFacts(), Workloads: s.workloads(), VersionLabel: label}
	spec, more := release.Resolve(i, release.WorkloadOf(d), world)
	for n := range more {
		if more[n].At == "Deployment "+spec.Original.Key() && more[n].Kind == intent.Required {
			more[n].Right += ", or let this create do it with --original-version v1"
		}
	}
	faults = append(faults, more...)
	if len(faults) > 0 {
		return spec, inFlags(faults)
	}
	if err := s.free(spec.Service); err != nil {
		return spec, err
	}
	if o.task == "" {
		spec.Intent.Release = s.unused(taskName(spec.Service.Name, spec.Versions.Grayscale), d)
		return spec, nil
	}
	if s.runs(o.task) || s.spent(o.task, d) {
		return spec, fmt.Errorf("release %s/%s: the name is taken: it runs, or has ended or been rejected for this Deployment before; write another TASK, or none", s.namespace, o.task)
	}
	return spec, nil
}

// free says which release holds the Service, if one does.
func (s scene) free(service release.Service) error {
	holder, err := release.Claim(service.Annotations, service.UID)
	if unreadable := release.UnreadableOf(err); unreadable != nil {
		return fmt.Errorf("the Service %s is held, by a release that can't be read: %w", service.Key(), s.unread(s.service(service.Namespace, service.Name), unreadable).broken)
	}
	if holder != nil && holder.Phase.Ending() {
		return fmt.Errorf("the Service %s is held by release %s of Deployment %s/%s, which is %s; wait until that is over",
			service.Key(), holder.Task, service.Namespace, holder.Original.Name, holder.Phase)
	}
	if holder != nil {
		return fmt.Errorf("the Service %s is held by release %s of Deployment %s/%s; it takes one grayscale version at a time: finish or cancel that one first",
			service.Key(), holder.Task, service.Namespace, holder.Original.Name)
	}
	return nil
}
