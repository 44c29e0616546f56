package plan

import (
	"reflect"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/route"
)

// A VirtualService of ours takes what no route of the user's takes: a host that
// has none, and the ports that those which it has leave out.

// gaps finds it.
func (s Snapshot) gaps() route.Gaps {
	gaps, _ := route.FindGaps(s.Key, s.ports(), s.VirtualServices)
	return gaps
}

// ports are the Service's; none where it is gone.
func (s Snapshot) ports() []release.Port {
	if s.Service == nil {
		return nil
	}
	return release.ServiceOf(s.Service).Ports
}

// needOwn says whether one of ours must stand.
func (s Snapshot) needOwn() bool { return !s.gaps().None() }

func (v view) own() *unstructured.Unstructured {
	for _, r := range v.routes {
		if r.own {
			return r.vs
		}
	}
	return nil
}

// fill gives what ours takes: the gaps and, where it stands, whatever it took
// before. That is let go of once the user's routes that take it are pinned.
func (v view) fill(own *unstructured.Unstructured) route.Gaps {
	if own == nil {
		return v.gaps()
	}
	return v.gaps().Or(route.FilledBy(own))
}

// leaks says whether ours lacks something that it should take.
func (v view) leaks(own *unstructured.Unstructured) bool {
	return !reflect.DeepEqual(v.fill(own), route.FilledBy(own))
}

// makeOwn gives ours as it is to be made.
func (v view) makeOwn(share intent.Share) (*unstructured.Unstructured, error) {
	return route.Fill(v.split(share, v.rules.Subsets), v.fill(nil))
}

// routeOwn makes ours where it is needed, and gives up what the user's routes take
// by now.
func (v view) routeOwn(p *Plan, share intent.Share) {
	own, settled := v.own(), len(p.Changes) == 0 && p.After == 0
	switch {
	case own == nil && v.needOwn():
		v.addOwn(p, share)
	case own == nil || !settled:
	case !v.needOwn():
		v.remove(p, own, "gives the host up to the user's own VirtualService")
	case !reflect.DeepEqual(v.gaps(), route.FilledBy(own)):
		made, err := v.makeOwn(share)
		if err != nil {
			p.Refused = append(p.Refused, err.Error())
			return
		}
		v.write(p, own, adopt(own, made), "gives ports up to the user's own VirtualService")
	}
}

func (v view) addOwn(p *Plan, share intent.Share) {
	made, err := v.makeOwn(share)
	if err != nil {
		p.Refused = append(p.Refused, err.Error())
		return
	}
	if wait, rule := v.unready(route.SubsetsOf(made, v.Key)); wait > 0 {
		p.hold(wait, rule)
		return
	}
	if v.cutsOff() {
		p.Holds = v.strays()
		return
	}
	p.Changes = append(p.Changes, Change{Action: Create, Object: made, Why: "routes what no VirtualService routes"})
}
