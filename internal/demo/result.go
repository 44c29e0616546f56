package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/demo/judge"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/demo/show"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/demo/trace"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/load"
	"github.com/kubectl-grayscale/kubectl-grayscale/manifests"
)

// result shows what came of it all. whole says that the story was played to
// its end, where nothing of a release may be left.
func (d *demo) result(ctx context.Context, whole bool) error {
	took := time.Since(d.traffic.begun)
	rows, total := d.traffic.stop()
	d.screen.Act("What the clients saw", "SEEN is the share that the new version answered. INTERVAL is what the true share may be (5 standard deviations): "+
		"it must hold the share that was ASKED. While a share moves, only failures count.")
	d.screen.Print("\n" + show.Table(d.screen.Terminal(), rows))
	faults := judge.Faults(rows)
	if whole {
		left, err := d.remains(ctx)
		if err != nil {
			return err
		}
		faults = append(faults, left...)
	}
	if len(faults) > 0 {
		return fmt.Errorf("%d of the checks failed:\n  %s", len(faults), strings.Join(faults, "\n  "))
	}
	if !whole {
		return nil
	}
	d.verdict(total, took)
	return nil
}

// remains shows what is left of the releases, and says what should not be.
func (d *demo) remains(ctx context.Context) (faults []string, err error) {
	d.screen.Act("What is left of the releases", "There should be nothing but the history, on the Service. (The controller stays until `kubectl grayscale uninstall`.)")
	if _, err := d.kubectl(ctx, "get", "deployments,virtualservices,destinationrules", "-o", "name"); err != nil {
		return nil, err
	}
	objects, err := d.cluster.objects(ctx)
	if err != nil {
		return nil, err
	}
	left := trace.Of(objects, manifests.Namespace)
	d.screen.Print("\n")
	d.screen.Say(fmt.Sprintf("Labels, annotations, subsets, objects of ours, in all %d objects of the cluster:", left.Looked))
	text := ""
	for _, at := range left.History {
		text += "  " + at + "\n"
	}
	for _, at := range left.Others {
		text += "  " + d.screen.Terminal().Red(at) + "\n"
		faults = append(faults, "left behind: "+at)
	}
	if len(left.Others) == 0 {
		text += "  nothing else\n"
	}
	d.screen.Print(text)
	changed, err := d.changed(ctx)
	return append(faults, changed...), err
}

// changed shows how the user's routes differ from what they were.
func (d *demo) changed(ctx context.Context) (faults []string, err error) {
	after, err := d.cluster.routes(ctx)
	if err != nil {
		return nil, err
	}
	diff, err := trace.Diff(d.before, after)
	if err != nil {
		return nil, err
	}
	d.screen.Print("\n")
	d.screen.Say("The user's routes, before the releases and after them (diff):")
	if diff == "" {
		d.screen.Print("  no difference\n")
		return nil, nil
	}
	page := d.screen.Output()
	_, err = page.Write([]byte(diff))
	return []string{"the user's routes are not what they were"}, errors.Join(err, page.Close())
}

func (d *demo) verdict(total load.Counts, took time.Duration) {
	t := d.screen.Terminal()
	d.screen.Print("\n" + t.Green(t.Bold("Passed.")) + "\n")
	d.screen.Say(fmt.Sprintf("%s requests in %.0f s (%s/s), 0 failed. Every share was within %d standard deviations of what was asked.",
		show.Number(total.Requests), took.Seconds(), show.Number(int(float64(total.Requests)/took.Seconds())), judge.Sigmas))
	if d.keep {
		d.screen.Print(playground)
	}
}

// sentence says what the current phase has seen.
func (t *traffic) sentence() string {
	t.mu.Lock()
	e := t.expect[len(t.expect)-1]
	t.mu.Unlock()
	now := t.load.Now()
	var seen []string
	for _, path := range paths {
		c := now.Targets[path]
		seen = append(seen, fmt.Sprintf("%.1f%% through the %s", 100*float64(c.Versions[e.Grayscale])/float64(max(1, c.Requests-c.Failed)), path))
	}
	total := now.Total()
	if total.Versions[e.Grayscale] == 0 {
		return fmt.Sprintf("%s requests, none of them to %s, %d failed.", show.Number(total.Requests), e.Grayscale, total.Failed)
	}
	return fmt.Sprintf("%s answered %s, asked %s: %s requests, %d failed.", e.Grayscale, strings.Join(seen, " and "), show.Percent(e.Share), show.Number(total.Requests), total.Failed)
}

// playground is what can be tried on a mesh that stays up.
const playground = `
The mesh stays up. Try, in another terminal (with the lines that follow):

  curl -s -H 'Host: bookinfo.example.com' $GATEWAY_URL/reviews/0
  curl -s -x $MESH_PROXY http://reviews:9080/reviews/0
  kubectl grayscale create --service reviews --image v3 --finish replace --wait
  kubectl grayscale policy reviews-v3 --weight 30 --wait
  kubectl grayscale status reviews-v3 -w
  kubectl grayscale cancel reviews-v3 --wait

An image's tag decides how its pods behave: v3 is well, v3-slow starts late,
v3-crash never becomes ready, v3-error answers 500 to everything.

`
