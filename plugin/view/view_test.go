package view

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent/content"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

var update = flag.Bool("update", false, "write the golden files anew")

var (
	began = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	now   = began.Add(12 * time.Minute)
)

// routing is a release at 10 %.
func routing() Release {
	s := &release.Status{
		Schema: release.Schema, Task: "reviews-v2", Form: intent.Canary, Phase: release.Routing, Finish: intent.Replace,
		Service: release.Ref{Name: "reviews", UID: types.UID("s-1")}, Clone: "reviews-v2", Label: "version",
		Original:  release.Version{Name: "reviews-v1", Version: "v1", Images: map[string]string{"reviews": "example.com/reviews:v1", "logs": "example.com/logs:v7"}, Ready: 9, Replicas: 9},
		Grayscale: release.Version{Name: "reviews-v2", Version: "v2", Images: map[string]string{"reviews": "example.com/reviews:v2"}, Ready: 1, Replicas: 1},
		Policy:    release.Policy{Weight: 1000, Traffic: intent.TrafficPolicy},
		Live:      &release.Live{Weight: 1000, Most: 1000, Routes: 2},
		Peak:      9, Started: began, By: "alice",
	}
	s.SetCondition(release.Progressing, false, release.ReasonSettled, "both versions share the traffic", began)
	s.SetCondition(release.PodsReady, true, release.ReasonPodsReady, "1 of 1 pods are ready", began)
	s.SetCondition(release.Routed, true, release.ReasonDelivered, "10 % asked, 10 % live", began)
	s.SetCondition(release.Degraded, false, release.ReasonAsExpected, "all is well", began)
	return Release{Namespace: "shop", Status: s, Claimed: true, Current: true, Now: now, Next: []Step{
		{"kubectl grayscale policy reviews-v2 --weight PERCENT", "another share"},
		{"kubectl grayscale cancel reviews-v2", "back to the original"},
	}}
}

// registry is a release of images with a long way to their tags.
func registry() Release {
	r := routing()
	r.Status.Original.Images = map[string]string{"reviews": "registry.example.com/shop/backend/reviews:v1"}
	r.Status.Grayscale.Images = map[string]string{"reviews": "registry.example.com/shop/backend/reviews:v2-crash"}
	return r
}

// failing is a release whose pods do not start, half way to another share.
func failing() Release {
	r := routing()
	s := r.Status
	s.Phase, s.Live.Weight = release.Starting, 0
	s.Grayscale.Ready = 0
	s.Strict = "the Service has a third version"
	s.SetCondition(release.PodsReady, false, release.ReasonPodsNotReady, "0 of 1 pods are ready", began)
	s.SetCondition(release.Degraded, true, release.ReasonPodsFailing, `a pod of the grayscale version fails: ImagePullBackOff: Back-off pulling image "example.com/reviews:v2"`, began)
	s.SetCondition(release.OriginalChanged, true, release.ReasonTemplateChanged, "the original's pod template is not the one that was cloned", began)
	r.Holds = "0 of 1 pods of the grayscale version are ready"
	r.Down = "the controller is not available: kubectl -n grayscale-system get pods"
	r.Stale, r.AsOf = "listing VirtualServices: forbidden", now.Add(-5*time.Minute)
	return r
}

// byContent is a release whose rules are partly delivered, beside a weight and
// with one that leaves.
func byContent() Release {
	r := routing()
	s := r.Status
	internal := content.Rule{Cookie: &content.Cookie{Name: "User", Match: content.Match{Kind: content.Exact, Value: "Internal"}}}
	phones := content.Rule{Headers: map[string]content.Match{"end-user": {Kind: content.Prefix, Value: "tester-of-the-second-version"}}, OS: []string{"iOS", "Android"}}
	beta := content.Rule{Query: map[string]content.Match{"beta": {Kind: content.Present}}}
	s.Policy.Match = []content.Rule{internal, phones}
	s.Live.Match, s.Live.Content = []content.Rule{internal, beta}, 4
	s.SetCondition(release.Routed, false, release.ReasonUndelivered, "10 % and 2 rules asked, 10 % and 2 rules live", began)
	r.Holds = "every proxy must know the routes"
	return r
}

// held is the same after all traffic went back to the original.
func held() Release {
	r := byContent()
	r.Status.Phase, r.Holds = release.Ready, ""
	r.Status.Policy.Traffic, r.Status.Live = intent.TrafficOriginal, &release.Live{Routes: 2}
	r.Status.SetCondition(release.Routed, true, release.ReasonDelivered, "0 % asked, 0 % live", began)
	return r
}

// mirrored is a release that gets copies of requests and none itself.
func mirrored() Release {
	r := routing()
	r.Status.Phase = release.Routing
	r.Status.Policy = release.Policy{Mirror: 550, Traffic: intent.TrafficPolicy}
	r.Status.Live = &release.Live{Routes: 2, Mirror: 550}
	return r
}

// blueGreen is a blue-green release before or after its take-over.
func blueGreen(traffic intent.Traffic, share intent.Weight) Release {
	r := routing()
	s := r.Status
	s.Form, s.Phase = intent.BlueGreen, release.Ready
	if share > 0 {
		s.Phase = release.TakenOver
	}
	s.Policy = release.Policy{Traffic: traffic}
	s.Live = &release.Live{Weight: share, Most: share, Routes: 2}
	s.Grayscale.Ready, s.Grayscale.Replicas = 9, 9
	return r
}

// fought is a release whose writes somebody else undoes, with something to paste.
func fought() Release {
	r := routing()
	const what = "argocd-controller has undone our routes in VirtualService shop/reviews 3 times within a minute; let it ignore them:\n" +
		"ignoreDifferences:\n- group: networking.istio.io\n  kind: VirtualService\n  name: reviews\n  jqPathExpressions: ['.spec.http[] | select(.route[]?.destination.subset // \"\" | startswith(\"grayscale-\"))']"
	r.Status.SetCondition(release.Degraded, true, release.ReasonFought, what, began)
	r.Holds = what
	return r
}

// source is a release that waits for a commit to finish in place.
func source() Release {
	r := routing()
	s := r.Status
	s.Phase, s.Finish = release.TakenOver, intent.InPlace
	s.Policy = release.Policy{Traffic: intent.TrafficGrayscale, End: intent.EndFinish}
	s.Live = &release.Live{Weight: intent.Full, Most: intent.Full, Routes: 2}
	r.Holds = "Helm manages the original, so the change has to be made there"
	r.Commit = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: reviews\n  namespace: shop\n"
	s.SetCondition(release.Progressing, true, release.ReasonWaitingForSource, r.Holds, began)
	return r
}

// patched is a release of other settings, and perhaps of an image that they name.
func patched(patch string) Release {
	r := routing()
	r.Status.Grayscale.Images, r.Status.Grayscale.Patch = nil, patch
	return r
}

// renewed is a release whose original has become the new version.
func renewed() Release {
	r := over(release.Finished, "")
	r.Renewed = map[string]string{"reviews": "example.com/reviews:v2", "logs": "example.com/logs:v7"}
	return r
}

// unstarted is a release without a pod yet.
func unstarted() Release {
	r := routing()
	r.Status.Phase, r.Status.Live, r.Status.Grayscale.Ready, r.Status.Grayscale.Replicas = release.Starting, nil, 0, 0
	return r
}

// over is a release that the history keeps.
func over(phase release.Phase, message string) Release {
	r := routing()
	ended := began.Add(5 * time.Minute)
	r.Status = &release.Status{
		Task: "reviews-v2", Form: intent.Canary, Phase: phase, Clone: "reviews-v2", Message: message,
		Service: r.Status.Service, Original: release.Version{Name: "reviews-v1", Version: "v1"},
		Grayscale: release.Version{Name: "reviews-v2", Version: "v2", Images: r.Status.Grayscale.Images},
		Started:   began, Ended: &ended, By: "alice",
	}
	r.Ended, r.Claimed, r.Next = true, false, nil
	return r
}

// unreadable is a release whose claim another version wrote.
func unreadable() Release {
	return Release{Namespace: "shop", Now: now, Claimed: true, Unreadable: "running, not readable by this version (schema 0)",
		Status: &release.Status{Task: "reviews-v2", Service: release.Ref{Name: "reviews"}, Original: release.Version{Name: "reviews-v1"}, Clone: "reviews-v2", Message: "annotation grayscale.dev/status has schema 0"}}
}

// asked is a release that the controller can't start.
func asked() Release {
	return Release{Namespace: "shop", Now: now, Refused: []string{"Deployment shop/reviews-v1: Service shop/ratings selects the same pods\nIngress shop/front leads to the same pods"},
		Status: &release.Status{Task: "reviews-v2", Form: intent.Canary, Original: release.Version{Name: "reviews-v1"}, By: "alice"}}
}

// byHand is a release that was cancelled while the controller was down.
func byHand() Release {
	r := routing()
	r.Status.Phase, r.Status.Live, r.Status.Policy.End = release.Cancelling, nil, intent.EndCancel
	r.Down, r.ByHand = "the controller is not available: kubectl -n grayscale-system get pods", true
	r.Next = []Step{{"kubectl grayscale wait reviews-v2 --for end", "until the controller has closed it"}}
	return r
}

func TestStatus(t *testing.T) {
	for name, c := range map[string]struct {
		release Release
		t       Terminal
	}{
		"routing":       {routing(), Terminal{Width: 80}},
		"routing-color": {routing(), Terminal{Width: 80, TTY: true, Color: true}},
		"routing-40":    {routing(), Terminal{Width: 40, TTY: true}},
		"routing-50":    {routing(), Terminal{Width: 50, TTY: true}},
		"routing-wide":  {registry(), Terminal{Width: 80, TTY: true}},
		"routing-piped": {registry(), Terminal{Width: 40}},
		"failing":       {failing(), Terminal{Width: 80}},
		"finished":      {over(release.Finished, ""), Terminal{Width: 80}},
		"rejected":      {over(release.Rejected, "Service shop/reviews is held by release other of Deployment shop/reviews-v9"), Terminal{Width: 80}},
		"refused":       {asked(), Terminal{Width: 80}},
		"content":       {byContent(), Terminal{Width: 80}},
		"content-40":    {byContent(), Terminal{Width: 40, TTY: true}},
		"content-held":  {held(), Terminal{Width: 80}},
		"mirror":        {mirrored(), Terminal{Width: 80}},
		"blue":          {blueGreen(intent.TrafficPolicy, 0), Terminal{Width: 80}},
		"green":         {blueGreen(intent.TrafficGrayscale, intent.Full), Terminal{Width: 80}},
		"fought":        {fought(), Terminal{Width: 80}},
		"patch":         {patched("spec:\n  containers:\n  - name: reviews\n    resources: {limits: {memory: 1Gi}}\n"), Terminal{Width: 80}},
		"patch-image":   {patched("spec: {containers: [{name: logs, image: 'example.com/logs:v8'}]}"), Terminal{Width: 80}},
		"renewed":       {renewed(), Terminal{Width: 80}},
		"unstarted":     {unstarted(), Terminal{Width: 80}},
		"by-hand":       {byHand(), Terminal{Width: 80}},
		"source":        {source(), Terminal{Width: 80}},
		"unreadable":    {unreadable(), Terminal{Width: 80}},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := Status(&b, c.t, c.release); err != nil {
				t.Fatal(err)
			}
			golden(t, name, b.Bytes())
		})
	}
}

func TestTable(t *testing.T) {
	failsOnly := failing() // while the controller is there
	failsOnly.Down, failsOnly.Stale = "", ""
	failsOnly.Status.SetCondition(release.Progressing, true, release.ReasonStarting, "0 of 1 pods are ready", began)
	releases := []Release{asked(), failing(), failsOnly, source(), unstarted(), routing(), byContent(), mirrored(), blueGreen(intent.TrafficGrayscale, intent.Full), byHand(), unreadable()}
	for name, c := range map[string]struct {
		t                Terminal
		wide, namespaces bool
	}{
		"table":      {Terminal{Width: 80}, false, false}, // nobody knows how wide: nothing is cut
		"table-90":   {Terminal{Width: 90, Bounded: true}, false, false},
		"table-wide": {Terminal{Width: 90, Bounded: true}, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := Table(&b, c.t, releases, c.wide, c.namespaces); err != nil {
				t.Fatal(err)
			}
			golden(t, name, b.Bytes())
		})
	}
}

func TestObject(t *testing.T) {
	for _, format := range []string{"json", "yaml"} {
		var b bytes.Buffer
		if err := Object(&b, format, routing().Status); err != nil {
			t.Fatal(err)
		}
		golden(t, "status."+format, b.Bytes())
	}
	if err := Object(&bytes.Buffer{}, "xml", nil); err == nil {
		t.Error("xml is no format, and was printed")
	}
}

func TestLine(t *testing.T) {
	ready := routing()
	ready.Status.Phase, ready.Status.Policy.Weight, ready.Status.Live = release.Ready, 0, &release.Live{}
	coming := blueGreen(intent.TrafficGrayscale, intent.Full)
	coming.Status.Live = nil
	half := routing()
	half.Status.Live.Weight, half.Holds = 500, "10 % asked"
	for want, r := range map[string]Release{
		"shop/reviews-v2: Routing, 10% live: both versions share the traffic":                                        routing(),
		"shop/reviews-v2: Routing, 10% asked, 5-10% live: 10% asked":                                                 half,
		"shop/reviews-v2: Ready, 1/1 pods ready, 0% live: the grayscale version is ready and has no traffic":         ready,
		"shop/reviews-v2: Starting, 0/1 pods ready: 0 of 1 pods of the grayscale version are ready":                  failing(),
		"shop/reviews-v2: Starting: starting the grayscale version":                                                  unstarted(),
		"shop/reviews-v2: Routing, 10%, 2 rules live: every proxy must know the routes":                              byContent(),
		"shop/reviews-v2: Routing, 0%, mirror 5.5% live: the grayscale version gets copies of the requests":          mirrored(),
		"shop/reviews-v2: TakenOver, all traffic live: the grayscale version has all traffic":                        blueGreen(intent.TrafficGrayscale, intent.Full),
		"shop/reviews-v2: Ready, 9/9 pods ready, no traffic live: the grayscale version is ready and has no traffic": blueGreen(intent.TrafficPolicy, 0),
		"shop/reviews-v2: TakenOver, all traffic asked, nothing live: the grayscale version has all traffic":         coming,
		"shop/reviews-v2: Finished: the grayscale version is the only one":                                           over(release.Finished, ""),
		"shop/reviews-v2: Refused: the controller can't start it":                                                    asked(),
	} {
		if got := r.Line(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestText(t *testing.T) {
	for _, c := range []struct {
		in    string
		width int
		want  string
	}{{"short", 5, "short"}, {"longer", 5, "long…"}, {"ünïcödé", 4, "ünï…"}, {"x", 0, ""}} {
		if got := Clip(c.in, c.width); got != c.want {
			t.Errorf("Clip(%q, %d) = %q, want %q", c.in, c.width, got, c.want)
		}
	}
	for _, c := range []struct {
		in    string
		width int
		want  string
	}{{"short", 5, "short"}, {"reviews:v3", 4, "…:v3"}, {"ünïcödé", 3, "…dé"}, {"x", 0, ""}, {"xy", 1, "…"}} {
		if got := ClipLeft(c.in, c.width); got != c.want {
			t.Errorf("ClipLeft(%q, %d) = %q, want %q", c.in, c.width, got, c.want)
		}
	}
	if got := Wide("\x1b[1mlonger\x1b[0m", 5); len([]rune(got)) != 5+8 {
		t.Errorf("Wide counted the colours: %q", got)
	}
	if got := Wrap("one two  three", 8); len(got) != 2 || got[0] != "one two" {
		t.Errorf("Wrap gave %q", got)
	}
}

func TestTerminal(t *testing.T) {
	env := func(values map[string]string) func(string) string {
		return func(key string) string { return values[key] }
	}
	if got := TerminalOf(&bytes.Buffer{}, env(nil)); got != (Terminal{Width: 80}) {
		t.Errorf("a buffer is %+v", got)
	}
	if got := TerminalOf(&bytes.Buffer{}, env(map[string]string{"COLUMNS": "40"})); got.Width != 40 || !got.Bounded {
		t.Errorf("COLUMNS=40 gives %d", got.Width)
	}
	if got := (Terminal{}).Red("x"); got != "x" {
		t.Errorf("painted without colours: %q", got)
	}
}

// golden compares with testdata/NAME.golden.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got\n%s\nwant\n%s", path, got, want)
	}
}
