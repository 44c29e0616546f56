package judge

import (
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/load"
)

var paths = []string{"gateway", "sidecar"}

func counts(v1, v2, v9, failed int) load.Counts {
	c := load.Counts{Requests: v1 + v2 + v9 + failed, Failed: failed, Versions: map[string]int{"v1": v1, "v2": v2, "v9": v9}}
	if failed > 0 {
		c.Failures = []string{"status 503\n"}
	}
	return c
}

func TestRows(t *testing.T) {
	quarter := Expect{Phase: "25%", Original: "v1", Grayscale: "v2", Share: 0.25, Least: 5000}
	moving := Expect{Phase: "to 25%", Original: "v1", Grayscale: "v2", Share: 0.25, Moving: true}
	none := Expect{Phase: "start-up", Original: "v1", Grayscale: "v2", Least: 10}
	all := Expect{Phase: "100%", Original: "v1", Grayscale: "v2", Share: 1, Least: 10}
	good := counts(3750, 1250, 0, 0)
	for name, test := range map[string]struct {
		expect  Expect
		gateway load.Counts
		faults  []string // what each must say
	}{
		"as asked":                {quarter, good, nil},
		"off by less than chance": {quarter, counts(3850, 1150, 0, 0), nil},
		"off by more than chance": {quarter, counts(3910, 1090, 0, 0), []string{"phase 25%, gateway: 1090 of 5000 answers came from v2, which is 21.8%: more than 5 standard deviations from 25%"}},
		"too few":                 {quarter, counts(75, 25, 0, 0), []string{"100 requests, and 5000 are needed"}},
		"no request":              {quarter, load.Counts{}, []string{"0 requests, and 5000 are needed"}},
		"one failed":              {quarter, counts(3750, 1250, 0, 1), []string{"1 of 5001 requests failed: status 503"}},
		"a third version":         {quarter, counts(3750, 1250, 1, 0), []string{"1 of 5001 answers came from neither v1 nor v2"}},
		"moving, any share":       {moving, counts(5, 5, 0, 0), nil},
		"moving, one failed":      {moving, counts(5, 5, 0, 1), []string{"phase to 25%: 1 of 5011 requests failed"}},
		"moving, a third version": {moving, counts(5, 5, 2, 0), []string{"2 of 5012 answers came from neither"}},
		"none at all":             {none, counts(10, 0, 0, 0), nil},
		"one too many at 0%":      {none, counts(99999, 1, 0, 0), []string{"1 of 100000 answers came from v2"}},
		"all":                     {all, counts(0, 10, 0, 0), nil},
		"one too few at 100%":     {all, counts(1, 99999, 0, 0), []string{"99999 of 100000 answers came from v2, which is 99.999%"}},
	} {
		t.Run(name, func(t *testing.T) {
			sidecar := good
			switch test.expect.Share {
			case 0:
				sidecar = counts(5000, 0, 0, 0)
			case 1:
				sidecar = counts(0, 5000, 0, 0)
			}
			rows := Rows([]Expect{test.expect}, paths, []load.Phase{{Name: "any", Targets: map[string]load.Counts{"gateway": test.gateway, "sidecar": sidecar}}})
			faults := Faults(rows)
			if len(faults) != len(test.faults) {
				t.Fatalf("got faults %q, want %q", faults, test.faults)
			}
			for n, want := range test.faults {
				if !strings.Contains(faults[n], want) {
					t.Errorf("got fault %q, want one with %q", faults[n], want)
				}
			}
		})
	}
}

func TestRowsHaveAPathEachUnlessTheShareMoves(t *testing.T) {
	still := Expect{Phase: "10%", Original: "v1", Grayscale: "v2", Share: 0.1}
	moving := Expect{Phase: "to 10%", Original: "v1", Grayscale: "v2", Share: 0.1, Moving: true}
	phase := load.Phase{Targets: map[string]load.Counts{"gateway": counts(900, 100, 0, 0), "sidecar": counts(910, 90, 0, 0)}}
	rows := Rows([]Expect{moving, still, still}, paths, []load.Phase{phase, phase})
	var got []string
	for _, r := range rows {
		got = append(got, r.Phase+"/"+r.Path)
	}
	// The third expectation has no phase yet: the demo was ended before it.
	if want := []string{"to 10%/", "10%/gateway", "10%/sidecar"}; !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	if rows[0].Requests != 2000 || rows[1].Seen != 0.1 || rows[2].Seen != 0.09 {
		t.Errorf("got %+v", rows)
	}
}

func TestTheIntervalHoldsTheAskedShareWhereThereIsNoFault(t *testing.T) {
	const requests = 5000
	for _, share := range []float64{0, 0.1, 0.25, 0.5, 1} {
		e := Expect{Phase: "any", Original: "v1", Grayscale: "v2", Share: share}
		for k := range requests + 1 {
			r := row(e, "gateway", counts(requests-k, k, 0, 0))
			if inside := r.Low <= share && share <= r.High; inside != (len(r.Faults) == 0) {
				t.Fatalf("share %v, %d of %d: interval %v to %v, faults %q", share, k, requests, r.Low, r.High, r.Faults)
			}
		}
	}
}
