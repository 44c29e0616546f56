package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/demo/judge"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/demo/show"
)

const (
	namespace = "default"
	// release is the first release, and its Deployment.
	release = "reviews-v2"
	broken  = "reviews-v3-crash"

	// timedOut is the plugin's exit status where it stopped waiting while the
	// release goes on.
	timedOut = 3
)

// demo plays the story.
type demo struct {
	options
	place   place
	screen  *show.Screen
	cluster *cluster
	traffic *traffic
	before  []unstructured.Unstructured // the user's routes before any release
}

func newDemo(o options, p place, screen *show.Screen) (*demo, error) {
	c, err := newCluster(p.config)
	if err != nil {
		return nil, err
	}
	return &demo{options: o, place: p, screen: screen, cluster: c}, nil
}

// play shows everything, and then what came of it. The error says all that is
// not as it should be.
func (d *demo) play(ctx context.Context) error {
	d.screen.Say("A canary release on a real mesh: API server, istiod and Envoy run on this machine, " +
		"and clients send requests all the while. Not one of them may fail.")
	if err := d.start(ctx); err != nil {
		return err
	}
	moving, stop := context.WithCancel(ctx)
	defer stop()
	go d.traffic.animate(moving)
	err := d.releases(ctx)
	stop()
	d.screen.Live("")
	if ctx.Err() != nil {
		return err
	}
	// What was counted until then tells what went wrong.
	return errors.Join(err, d.result(ctx, err == nil))
}

// start brings the app up and begins to send requests to it.
func (d *demo) start(ctx context.Context) error {
	d.screen.Act("The app, as its users have it",
		"productpage calls reviews, which has 3 pods of version v1. The routes have timeouts, retries, and a rule of their own for the user jason. Nothing in it knows of releases.")
	if err := d.apply(ctx, "internal/demo/bookinfo.yaml", bookinfo); err != nil {
		return err
	}
	if _, err := d.kubectl(ctx, "wait", "--for=condition=Available", "deployment", "--all", "--timeout=60s"); err != nil {
		return err
	}
	if err := reachable(ctx, d.place); err != nil {
		return err
	}
	var err error
	if d.before, err = d.cluster.routes(ctx); err != nil {
		return err
	}
	d.traffic = startTraffic(context.WithoutCancel(ctx), d.place, d.screen, d.first("install", 0))
	d.screen.Print("\n")
	d.screen.Say(fmt.Sprintf("From now on clients send up to %s requests/s on each of two paths: through the gateway to productpage, which calls reviews; "+
		"and, as jason, through a sidecar to reviews.", show.Number(rate)))
	return nil
}

// releases does what a user does: a release that works, and one that does not.
func (d *demo) releases(ctx context.Context) error {
	for _, act := range []func(context.Context) error{d.install, d.create, d.policies, d.takeover, d.finish, d.failing, d.cancel} {
		if err := act(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) install(ctx context.Context) error {
	d.screen.Act("Install the controller", "Once for a cluster. This mesh passes routes on within a second, so we wait 3 s for it instead of the default of 15 s; and 2 s instead of 30 s for a version's last requests.")
	return d.grayscale(ctx, "install", "--image", "grayscale-controller:dev", "--propagation-delay", "3s", "--drain", "2s")
}

func (d *demo) create(ctx context.Context) error {
	d.screen.Act("Start a release of reviews: v2", "A copy of the Deployment with the new image comes up beside the original. Its pods start before any request goes there. At the end it is to replace the original.")
	d.traffic.begin(d.needed(d.first("start-up", 0)))
	if err := d.grayscale(ctx, "create", "--service", "reviews", "--image", "v2", "--finish", "replace", "--wait"); err != nil {
		return err
	}
	if err := d.grayscale(ctx, "status", release); err != nil {
		return err
	}
	ready, replicas, err := d.cluster.ready(ctx, namespace, release)
	if err != nil {
		return err
	}
	d.screen.Print(fmt.Sprintf("\n%d of %d pods of v2 are ready (%d%%).\n", ready, replicas, 100*ready/max(replicas, 1)))
	if ready < replicas {
		return fmt.Errorf("Deployment %s/%s: %d of %d pods are ready, and create did not wait for them", namespace, release, ready, replicas)
	}
	return d.settle(ctx)
}

func (d *demo) policies(ctx context.Context) error {
	for _, step := range []struct {
		percent int
		title   string
		why     string
	}{
		{10, "A tenth of the requests", "Copies of the app's routes, with the two versions in them, stand before the user's own. Their timeouts, retries and headers stay."},
		{25, "A quarter", "One command, one write to the route. Every request goes on being answered."},
		{50, "Half", "That takes 2 pods of v2. They start first, then the traffic moves."},
	} {
		share := float64(step.percent) / 100
		d.screen.Act(step.title, step.why)
		err := d.move(ctx, share, "policy", release, "--weight", fmt.Sprint(step.percent), "--wait")
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) takeover(ctx context.Context) error {
	d.screen.Act("All of them", "v2 gets as many pods as v1 has, then all the traffic. v1 is still there: `takeover --to original` would be the way back.")
	return d.move(ctx, 1, "takeover", release, "--wait")
}

// move has the plugin change the share, and then looks at what comes of it.
func (d *demo) move(ctx context.Context, share float64, args ...string) error {
	moving := d.first("to "+show.Percent(share), share)
	moving.Moving = true
	d.traffic.begin(moving)
	if err := d.grayscale(ctx, args...); err != nil {
		return err
	}
	// Only requests that begin now began after the policy was delivered.
	d.traffic.begin(d.needed(d.first(show.Percent(share), share)))
	return d.settle(ctx)
}

func (d *demo) finish(ctx context.Context) error {
	d.screen.Act("Keep v2", "v1 serves its last requests and is deleted; then our copies leave the routes, one careful step after the other.")
	d.traffic.begin(d.needed(d.first("finish", 1)))
	if err := d.grayscale(ctx, "finish", release, "--wait"); err != nil {
		return err
	}
	return d.settle(ctx)
}

// failing starts a release that can't become ready.
func (d *demo) failing(ctx context.Context) error {
	d.screen.Act("A release that fails: v3-crash", "An image that never becomes ready. The command gives up waiting after 8 s and says why (exit status 3); the app does not notice.")
	d.traffic.begin(d.needed(d.second("v3-crash")))
	err := d.grayscale(ctx, "create", "--service", "reviews", "--image", "v3-crash", "--finish", "replace", "--wait", "--timeout", "8s")
	if code := exitStatus(err); code != timedOut {
		return errors.Join(fmt.Errorf("creating a release that can't become ready: exit status %d, want %d", code, timedOut), err)
	}
	d.screen.Act("What is wrong with it?", "`status` reads the cluster and says what it waits for.")
	page, err := d.kubectl(ctx, "grayscale", "status", broken)
	if err != nil {
		return err
	}
	if !strings.Contains(page, "PodsFailing") || !strings.Contains(page, "CrashLoopBackOff") {
		return fmt.Errorf("status of %s does not say that its pods crash (PodsFailing, CrashLoopBackOff)", broken)
	}
	return d.settle(ctx)
}

func (d *demo) cancel(ctx context.Context) error {
	d.screen.Act("Give it up", "The failing pods go, and what we put into the routes.")
	d.traffic.begin(d.second("cancel"))
	return d.grayscale(ctx, "cancel", broken, "--wait")
}

// settle waits for the requests that a phase needs, and says what came of them.
func (d *demo) settle(ctx context.Context) error {
	if err := d.traffic.settle(ctx); err != nil {
		return err
	}
	d.screen.Print("\n")
	d.screen.Say(d.traffic.sentence())
	return nil
}

// first and second expect a share of the first release's version, and none of
// the second's.
func (d *demo) first(phase string, share float64) judge.Expect {
	return judge.Expect{Phase: phase, Original: "v1", Grayscale: "v2", Share: share}
}

func (d *demo) second(phase string) judge.Expect {
	return judge.Expect{Phase: phase, Original: "v2", Grayscale: "v3-crash"}
}

// needed is a phase whose share is counted.
func (d *demo) needed(e judge.Expect) judge.Expect {
	e.Least = d.least()
	return e
}
