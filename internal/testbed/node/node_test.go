package node

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestBehaviourOf(t *testing.T) {
	for image, want := range map[string]behaviour{
		"reviews":                     {},
		"reviews:v2":                  {},
		"example.org:5000/a-error/b":  {},
		"reviews:v2-slow":             {startsAfter: 5 * time.Second},
		"reviews:v2-slow20-error":     {startsAfter: 20 * time.Second, fails: true},
		"reviews:slowly":              {},
		"r:v1-crash@sha256:0123":      {crashes: true},
		"example.org/team/r:1-nopull": {cannotPull: true},
	} {
		if got := behaviourOf(image); got != want {
			t.Errorf("behaviourOf(%q) = %+v, want %+v", image, got, want)
		}
	}
	if name, _ := splitImage("example.org:5000/x/grayscale-controller:dev"); name != ControllerImage {
		t.Errorf("name of the controller's image = %q", name)
	}
}

func TestCrashLoop(t *testing.T) {
	begun := time.Now()
	c := &simulated{behaviour: behaviour{crashes: true}, started: metav1.NewTime(begun)}
	for after, restarts := range map[time.Duration]int32{0: 0, time.Second: 1, 2 * time.Second: 1, 3 * time.Second: 2, 7 * time.Second: 3} {
		s, next := c.status(begun.Add(after))
		if s.RestartCount != restarts || s.Ready || s.State.Waiting == nil || s.State.Waiting.Reason != reasonCrash {
			t.Errorf("after %s: %+v, want %d restarts and %s", after, s, restarts, reasonCrash)
		}
		if !next.After(begun.Add(after)) {
			t.Errorf("after %s: the next change is at %s, which is not later", after, next.Sub(begun))
		}
	}
}

func TestSlowIsReadyInTime(t *testing.T) {
	begun := time.Now()
	c := &simulated{started: metav1.NewTime(begun), readyAt: begun.Add(5 * time.Second)}
	if s, next := c.status(begun); s.Ready || !next.Equal(c.readyAt) {
		t.Errorf("at the start: ready %v, next change %s", s.Ready, next.Sub(begun))
	}
	if s, next := c.status(c.readyAt); !s.Ready || !next.IsZero() {
		t.Errorf("after 5 s: ready %v, next change %s", s.Ready, next)
	}
}

func TestLooksLikeHTTP(t *testing.T) {
	for head, want := range map[string][2]bool{
		"":                 {true, false},
		"GE":               {true, false},
		"GET / HTTP/1.1":   {true, true},
		"PRI * HTTP/2.0\r": {true, true},
		"hello":            {false, true},
		"GETTING":          {false, true},
	} {
		if isHTTP, sure := looksLikeHTTP([]byte(head)); isHTTP != want[0] || sure != want[1] {
			t.Errorf("looksLikeHTTP(%q) = %v, %v, want %v", head, isHTTP, sure, want)
		}
	}
}

func TestExpand(t *testing.T) {
	known := map[string]string{"POD_IP": "10.244.1.1"}
	for text, want := range map[string]string{
		"--bind=$(POD_IP):9443": "--bind=10.244.1.1:9443",
		"$(NOPE)":               "$(NOPE)",
		"$$(POD_IP)":            "$(POD_IP)",
		"$POD_IP":               "$POD_IP",
	} {
		if got := expand(text, known); got != want {
			t.Errorf("expand(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestHostHeader(t *testing.T) {
	for in, want := range map[[2]string]string{
		{"reviews:9080", "default"}:   "reviews:9080",
		{"reviews:9080", "shop"}:      "reviews.shop:9080",
		{"reviews", "shop"}:           "reviews.shop",
		{"reviews.shop:9080", "cart"}: "reviews.shop:9080",
	} {
		if got := hostHeader(in[0], in[1]); got != want {
			t.Errorf("hostHeader(%q, %q) = %q, want %q", in[0], in[1], got, want)
		}
	}
}

func TestDrainOf(t *testing.T) {
	pod := func(annotation string, grace int64) *corev1.Pod {
		p := &corev1.Pod{Spec: corev1.PodSpec{TerminationGracePeriodSeconds: &grace}}
		if annotation != "" {
			p.Annotations = map[string]string{DrainAnnotation: annotation}
		}
		return p
	}
	for _, c := range []struct {
		annotation string
		grace      int64
		want       time.Duration
	}{{"", 30, 2 * time.Second}, {"", 1, time.Second}, {"", 0, 0}, {"0", 30, 0}, {"3.5", 30, 3500 * time.Millisecond}, {"soon", 30, 2 * time.Second}} {
		if got := drainOf(pod(c.annotation, c.grace)); got != c.want {
			t.Errorf("annotation %q, grace %d s: %s, want %s", c.annotation, c.grace, got, c.want)
		}
	}
}

func TestResource(t *testing.T) {
	spec := &corev1.Container{Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{
		corev1.ResourceMemory: resource.MustParse("64Mi"), corev1.ResourceCPU: resource.MustParse("1500m"),
	}}}
	for ref, want := range map[string]string{"limits.memory": "67108864", "limits.cpu": "2"} {
		if got, err := resourceValue(spec, &corev1.ResourceFieldSelector{Resource: ref}); err != nil || got != want {
			t.Errorf("%s = %q, %v, want %q", ref, got, err, want)
		}
	}
	if _, err := resourceValue(spec, &corev1.ResourceFieldSelector{Resource: "requests.cpu"}); err == nil {
		t.Error("a request that is not set has a value")
	}
}

func TestRingLogKeepsTheLastLines(t *testing.T) {
	l := newRingLog()
	for i := range ringSize + 5 {
		l.printf("line %d", i)
	}
	text, next, err := l.read(0)
	if err != nil || next != ringSize+5 || len(tail(text, ringSize*2)) != len(text) {
		t.Fatalf("read = %d bytes, next %d, %v", len(text), next, err)
	}
	if got := tail(text, 1); got[len(got)-len("line 1004\n"):] != "line 1004\n" {
		t.Errorf("the last line is %q", got)
	}
	if text, _, err := l.read(next); text != "" || err != nil {
		t.Errorf("after the end: %q, %v", text, err)
	}
}

func TestAddressesAreNotUsedAgainSoon(t *testing.T) {
	a := newAddresses()
	first, err := a.take()
	if err != nil {
		t.Fatal(err)
	}
	a.free(first)
	if second, err := a.take(); err != nil || second == first {
		t.Errorf("the second address is %s, %v, and the first was %s", second, err, first)
	}
}
