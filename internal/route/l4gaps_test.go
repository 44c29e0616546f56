package route

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	networking "istio.io/api/networking/v1alpha3"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/intent"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/release"
)

var (
	http8080 = release.Port{Name: "http", Number: 8080, Protocol: "TCP"}
	http8081 = release.Port{Name: "http-admin", Number: 8081, Protocol: "TCP"}
	tcp9000  = release.Port{Name: "tcp-db", Number: 9000, Protocol: "TCP"}
	any9100  = release.Port{Name: "db", Number: 9100, Protocol: "TCP"}
	tls9443  = release.Port{Name: "https", Number: 9443, Protocol: "TCP"}
)

func TestFindGaps(t *testing.T) {
	for name, c := range map[string]struct {
		ports  []release.Port
		routes []string // the specs of VirtualServices vs-0, vs-1 …
		want   Gaps
		faults []string // what each fault says
	}{
		"no VirtualService": {
			ports: []release.Port{http8080, tcp9000, any9100}, want: Gaps{Host: true, TCP: []int64{9000, 9100}},
		},
		"no VirtualService, no HTTP": {ports: []release.Port{tcp9000}, want: Gaps{TCP: []int64{9000}}},
		"ports unknown":              {want: Gaps{Host: true}},
		"a route for all ports": {
			ports:  []release.Port{http8080, http8081},
			routes: []string{`{hosts: [db], http: [{match: [{uri: {prefix: /a}}], route: []}]}`},
		},
		"a port that no HTTP route takes": {
			ports:  []release.Port{http8080, http8081, any9100},
			routes: []string{`{hosts: [db], http: [{match: [{port: 8080}], route: []}], tcp: [{match: [{port: 9100}], route: []}]}`},
			want:   Gaps{HTTP: []int64{8081, 9100}},
		},
		"a second VirtualService takes it": {
			ports: []release.Port{http8080, http8081},
			routes: []string{
				`{hosts: [db], http: [{match: [{port: 8080}], route: []}]}`,
				`{hosts: [db.shop.svc.cluster.local], http: [{match: [{port: 8081}], route: []}]}`,
			},
		},
		"routes for a gateway, in a list for both": {
			ports:  []release.Port{http8080, tcp9000},
			routes: []string{`{hosts: [db], gateways: [mesh, g], http: [{match: [{gateways: [g]}], route: []}], tcp: [{match: [{gateways: [g]}], route: []}]}`},
			want:   Gaps{HTTP: []int64{8080}, TCP: []int64{9000}},
		},
		"TCP routes": {
			ports:  []release.Port{tcp9000, any9100},
			routes: []string{`{hosts: [db], http: [{route: []}], tcp: [{match: [{port: 9100, sourceLabels: {a: b}}, {port: 9100}], route: []}]}`},
			want:   Gaps{TCP: []int64{9000}},
		},
		"a TCP route of a wildcard": {
			ports:  []release.Port{tcp9000},
			routes: []string{`{hosts: ["*.shop.svc.cluster.local"], tcp: [{route: []}]}`},
		},
		"a private VirtualService": {
			ports:  []release.Port{http8080, tcp9000},
			routes: []string{`{hosts: [db], exportTo: ["."], http: [{route: []}], tcp: [{route: []}]}`},
			want:   Gaps{Host: true, TCP: []int64{9000}},
		},
		"for some callers": {
			ports:  []release.Port{http8080, tcp9000, any9100},
			routes: []string{`{hosts: [db], http: [{match: [{sourceLabels: {a: b}}], route: []}], tcp: [{match: [{destinationSubnets: [10.0.0.0/8]}], route: []}]}`},
			faults: []string{"Service shop/db port 8080 is led by VirtualService shop/vs-0 for some callers only", "port 9000", "port 9100", "port 9100"},
		},
		"for some callers, as a gateway is named": {
			ports:  []release.Port{http8080},
			routes: []string{`{hosts: [db], gateways: [mesh], http: [{match: [{sourceLabels: {a: b}, gateways: [mesh]}], route: []}]}`},
		},
		"TLS": {
			ports:  []release.Port{tls9443, {AppProtocol: "kubernetes.io/wss", Number: 9444}},
			routes: []string{`{hosts: [db], http: [{route: []}], tls: [{match: [{port: 9443, sniHosts: [db]}], route: []}]}`},
			faults: []string{"Service shop/db port 9444 carries TLS that no TLS route leads"},
		},
		"delegates": {
			ports: []release.Port{http8080, http8081, any9100},
			routes: []string{
				`{hosts: [db], http: [{match: [{port: 8080}], delegate: {name: vs-1}}, {match: [{port: 8081}], delegate: {name: gone}}, {match: [{port: 9100}], delegate: {name: vs-1}}]}`,
				`{http: [{match: [{port: 8080}], route: []}]}`,
			},
			want: Gaps{HTTP: []int64{8081, 9100}, TCP: []int64{9100}},
		},
		"a delegate that the root leaves out": {
			ports: []release.Port{http8080},
			routes: []string{
				`{hosts: [db], http: [{match: [{uri: {prefix: /a}}], delegate: {name: vs-1}}]}`,
				`{http: [{match: [{uri: {prefix: /b}}], route: []}, {match: [{uri: {prefix: /a}, ignoreUriCase: true}], route: []}]}`,
			},
			want: Gaps{HTTP: []int64{8080}},
		},
		"a delegate that is not exported": {
			ports: []release.Port{http8080},
			routes: []string{
				`{hosts: [db], http: [{delegate: {name: vs-1}}]}`,
				`{exportTo: [web], http: [{route: []}]}`,
			},
			want: Gaps{HTTP: []int64{8080}},
		},
		"protocols": {
			ports: []release.Port{
				{Name: "grpc-web", Number: 1, Protocol: "TCP"}, {Name: "x", AppProtocol: "kubernetes.io/h2c", Number: 2, Protocol: "TCP"},
				{Name: "http", AppProtocol: "redis", Number: 3, Protocol: "TCP"}, {Name: "x", Number: 3306, Protocol: "TCP"},
				{Name: "udp", Number: 5, Protocol: "UDP"}, {Number: 6},
			},
			routes: []string{`{hosts: [db], http: [{match: [{port: 1}, {port: 2}], route: []}]}`},
			want:   Gaps{HTTP: []int64{6}, TCP: []int64{3, 6, 3306}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var all []*unstructured.Unstructured
			for i, spec := range c.routes {
				all = append(all, fromText(t, fmt.Sprintf("{metadata: {name: vs-%d, namespace: shop}, spec: %s}", i, spec)))
			}
			gaps, faults := FindGaps(service("shop/db"), c.ports, all)
			if !reflect.DeepEqual(gaps, c.want) {
				t.Errorf("gaps %+v, want %+v", gaps, c.want)
			}
			if len(faults) != len(c.faults) {
				t.Fatalf("faults %v, want %d", faults, len(c.faults))
			}
			for i, said := range c.faults {
				if faults[i].Risk != intent.Unrouted || !strings.Contains(faults[i].Error(), said) {
					t.Errorf("fault %v, want one with the risk unrouted that says %q", faults[i], said)
				}
			}
		})
	}
}

func TestFillTakesTheGaps(t *testing.T) {
	split := Split{Service: service("shop/db"), Weight: 1000}
	for name, c := range map[string]struct {
		gaps Gaps
		want string
	}{
		"the host and a TCP port": {
			Gaps{Host: true, TCP: []int64{9000}},
			`{hosts: [db.shop.svc.cluster.local], http: [{route: ROUTE}], tcp: [{match: [{port: 9000}], route: ROUTE}]}`,
		},
		"ports": {
			Gaps{HTTP: []int64{8081, 9100}, TCP: []int64{9100}},
			`{hosts: [db.shop.svc.cluster.local], http: [{match: [{port: 8081}, {port: 9100}], route: ROUTE}], tcp: [{match: [{port: 9100}], route: ROUTE}]}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			vs, err := Fill(split, c.gaps)
			if err != nil {
				t.Fatal(err)
			}
			strict(t, vs, &networking.VirtualService{})
			want := fromText(t, strings.ReplaceAll(c.want, "ROUTE", `[
				{destination: {host: db.shop.svc.cluster.local, subset: grayscale-original}, weight: 9000},
				{destination: {host: db.shop.svc.cluster.local, subset: grayscale-version}, weight: 1000}]`))
			equal(t, "the spec", &unstructured.Unstructured{Object: spec(vs)}, want)
			if got := FilledBy(vs); !reflect.DeepEqual(got, c.gaps) {
				t.Errorf("it reads back %+v", got)
			}
			if read := Read(vs); len(read) != 1 || read[0].Weight != split.Weight || read[0].Max != split.Weight {
				t.Errorf("it reads %+v, want weight %s", read, split.Weight)
			}
			if got := SubsetsOf(vs, split.Service); !slices.Equal(got, []string{SubsetOriginal, SubsetVersion}) {
				t.Errorf("it names the subsets %v", got)
			}
			// While ours stands, it is no route of the user's.
			if gaps, _ := FindGaps(split.Service, []release.Port{tcp9000}, []*unstructured.Unstructured{vs}); !reflect.DeepEqual(gaps, Gaps{TCP: []int64{9000}}) {
				t.Errorf("with ours there the gaps are %+v", gaps)
			}
		})
	}
}

func TestGapsOfBoth(t *testing.T) {
	one := Gaps{HTTP: []int64{8081}, TCP: []int64{9000}}
	for _, c := range []struct{ with, want Gaps }{
		{Gaps{}, one},
		{Gaps{HTTP: []int64{8080, 8081}}, Gaps{HTTP: []int64{8080, 8081}, TCP: []int64{9000}}},
		{Gaps{Host: true, TCP: []int64{9001}}, Gaps{Host: true, TCP: []int64{9000, 9001}}},
	} {
		if got := one.Or(c.with); !reflect.DeepEqual(got, c.want) {
			t.Errorf("with %+v: %+v, want %+v", c.with, got, c.want)
		}
	}
}
