package route

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
	"pgregory.net/rapid"

	networking "istio.io/api/networking/v1alpha3"
)

// Generators of VirtualServices and DestinationRules over Istio's whole schema, as
// its protobuf descriptors have it: every field that this version of istio.io/api
// knows, and some that it does not. Only where chance would hit nothing worth
// testing do values come from a short list.

// often says how many of ten messages have a field; two by default.
var often = map[protoreflect.FullName]int{
	"HTTPRoute.route": 9, "HTTPRoute.match": 5, "HTTPRoute.name": 4, "HTTPRoute.mirror": 3,
	"HTTPRoute.redirect": 1, "HTTPRoute.direct_response": 1, "HTTPRoute.delegate": 1,
	"HTTPRouteDestination.destination": 10, "HTTPRouteDestination.weight": 7,
	"RouteDestination.destination": 10, "HTTPMirrorPolicy.destination": 10,
	"Destination.host": 10, "Destination.subset": 5,
	"VirtualService.hosts": 9, "VirtualService.http": 10,
	"DestinationRule.host": 10, "DestinationRule.subsets": 8, "DestinationRule.traffic_policy": 6, "DestinationRule.workload_selector": 1,
	"Subset.name": 10, "Subset.labels": 10, "Subset.traffic_policy": 4,
	"Percent.value": 9, "HTTPMatchRequest.headers": 4, "HTTPMatchRequest.query_params": 4,
}

// pools are the strings that some fields have.
var pools = map[protoreflect.FullName][]string{
	"Destination.host": hosts, "Destination.subset": userSubsets,
	"VirtualService.hosts": {"reviews", "reviews.shop.svc.cluster.local", "*.shop.svc.cluster.local", "shop.example.com", "*"},
	"DestinationRule.host": {"reviews", "reviews.shop.svc.cluster.local", "reviews.shop.svc.cluster.local", "*.shop.svc.cluster.local", "*.local", "ratings"},
	"Subset.name":          {"v1", "v1b", "v2", "grayscale-version"},
	"HTTPRoute.name":       {"a", "b"},
}

// keys are the keys of maps of strings or messages.
var keys = map[protoreflect.FullName][]string{
	"HTTPMatchRequest.headers":         {"end-user", "End-User", "x-beta", "1", ":path", "cookie", "user-agent"},
	"HTTPMatchRequest.without_headers": {"end-user", "user-agent", "User-Agent"},
	"HTTPMatchRequest.query_params":    {"beta", "v"},
	"Subset.labels":                    {"version", "app", "zone"},
}

// genMessage gives a message's fields as the API server's JSON has them.
func genMessage(t *rapid.T, md protoreflect.MessageDescriptor) map[string]any {
	out := map[string]any{}
	chosen := map[protoreflect.Name]bool{}
	for i := range md.Fields().Len() {
		field := md.Fields().Get(i)
		name := short(field)
		likely, known := often[name]
		if !known {
			likely = 2
		}
		if one := field.ContainingOneof(); one != nil && !one.IsSynthetic() {
			if chosen[one.Name()] {
				continue
			}
			likely = 5
		}
		if !chance(t, "has "+string(name), likely) {
			continue
		}
		if one := field.ContainingOneof(); one != nil {
			chosen[one.Name()] = true
		}
		out[field.JSONName()] = genField(t, field)
	}
	if chance(t, "has a field of the future", 1) {
		out["future"+string(md.Name())] = fromAPI(junk(2).Draw(t, "future"))
	}
	return out
}

var tenths = rapid.SampledFrom([]int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10})

// chance is true in so many of ten cases; unlike its ranges of numbers, rapid's
// samples favour nothing.
func chance(t *rapid.T, what string, of10 int) bool { return tenths.Draw(t, what) <= of10 }

// short is a field's name without the package: HTTPRoute.match.
func short(field protoreflect.FieldDescriptor) protoreflect.FullName {
	return protoreflect.FullName(string(field.Parent().Name()) + "." + string(field.Name()))
}

func genField(t *rapid.T, field protoreflect.FieldDescriptor) any {
	name := string(short(field))
	switch {
	case field.IsMap():
		from := keys[short(field)]
		if from == nil {
			from = []string{"a", "b"}
		}
		out := map[string]any{}
		for _, key := range rapid.SliceOfNDistinct(rapid.SampledFrom(from), 1, 2, rapid.ID[string]).Draw(t, name) {
			out[key] = genValue(t, field.MapValue(), short(field))
		}
		return out
	case field.IsList():
		out := []any{}
		lengths := []int{0, 1, 1, 2, 3}
		if name == "HTTPRoute.route" || name == "VirtualService.http" {
			lengths = []int{1, 2, 3}
		}
		for range rapid.SampledFrom(lengths).Draw(t, "number of "+name) {
			out = append(out, genValue(t, field, short(field)))
		}
		return out
	}
	return genValue(t, field, short(field))
}

func genValue(t *rapid.T, field protoreflect.FieldDescriptor, name protoreflect.FullName) any {
	label := string(name)
	switch field.Kind() {
	case protoreflect.BoolKind:
		return rapid.Bool().Draw(t, label)
	case protoreflect.EnumKind:
		values := field.Enum().Values()
		return string(values.Get(rapid.IntRange(0, values.Len()-1).Draw(t, label)).Name())
	case protoreflect.StringKind, protoreflect.BytesKind:
		pool, ok := pools[name]
		if !ok {
			pool = []string{"v1", "/a", "jason", ""}
		}
		return rapid.SampledFrom(pool).Draw(t, label)
	case protoreflect.DoubleKind, protoreflect.FloatKind:
		return fromAPI(rapid.SampledFrom([]float64{0, 0.5, 12.5, 50, 100}).Draw(t, label))
	case protoreflect.MessageKind:
		return genWellKnown(t, field.Message(), label)
	}
	return int64(rapid.IntRange(0, 300).Draw(t, label))
}

// genWellKnown gives what JSON makes of google.protobuf's messages, and any other
// message by its fields.
func genWellKnown(t *rapid.T, md protoreflect.MessageDescriptor, label string) any {
	switch md.FullName() {
	case "google.protobuf.Duration":
		return fmt.Sprintf("%ds", rapid.IntRange(0, 9).Draw(t, label))
	case "google.protobuf.BoolValue":
		return rapid.Bool().Draw(t, label)
	case "google.protobuf.UInt32Value", "google.protobuf.Int32Value", "google.protobuf.UInt64Value", "google.protobuf.Int64Value":
		return int64(rapid.IntRange(0, 100).Draw(t, label))
	case "google.protobuf.DoubleValue":
		return fromAPI(rapid.SampledFrom([]float64{0, 12.5, 100}).Draw(t, label))
	}
	if strings.HasPrefix(string(md.FullName()), "google.protobuf.") {
		panic("no generator for " + md.FullName())
	}
	return genMessage(t, md)
}

// fromAPI gives a value in the forms of numbers that the API server's decoder has.
func fromAPI(value any) any {
	data, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	var out any
	if err := json.Unmarshal(data, &out); err != nil {
		panic(err)
	}
	return out
}

// genSchemaVirtualService gives a VirtualService of the whole schema, without
// routes that can't be split.
func genSchemaVirtualService(t *rapid.T) *unstructured.Unstructured {
	fields := genMessage(t, (&networking.VirtualService{}).ProtoReflect().Descriptor())
	for _, route := range list(fields, "tcp") {
		for _, match := range list(route.(map[string]any), "match") {
			delete(match.(map[string]any), "destinationSubnets")
		}
	}
	meta := map[string]any{"name": "vs", "namespace": "shop"}
	maybe(t, meta, "annotations", func() any { return map[string]any{"team": "web"} })
	return &unstructured.Unstructured{Object: map[string]any{"metadata": meta, "spec": fields}}
}

// genSchemaRule gives a DestinationRule of the whole schema.
func genSchemaRule(t *rapid.T) *unstructured.Unstructured {
	fields := genMessage(t, (&networking.DestinationRule{}).ProtoReflect().Descriptor())
	if !chance(t, "exports", 2) {
		delete(fields, "exportTo")
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{
			"name":              "rule-" + rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "name"),
			"namespace":         rapid.SampledFrom([]string{"shop", "shop", "web", "istio-system"}).Draw(t, "namespace"),
			"creationTimestamp": "2026-01-01T00:00:00Z",
		},
		"spec": fields,
	}}
}

// genRules gives rules with names of their own.
func genRules(t *rapid.T) []*unstructured.Unstructured {
	rules := rapid.SliceOfN(rapid.Custom(genSchemaRule), 0, 4).Draw(t, "rules")
	seen := map[string]bool{}
	return slices.DeleteFunc(rules, func(rule *unstructured.Unstructured) bool {
		name := ruleName(rule)
		twice := seen[name]
		seen[name] = true
		return twice
	})
}
