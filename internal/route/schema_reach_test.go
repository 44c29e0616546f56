package route

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"pgregory.net/rapid"

	networking "istio.io/api/networking/v1alpha3"
)

// The generators reach every field of Istio's schema, and what Apply has to decide
// about.
func TestGeneratorsReachEverything(t *testing.T) {
	found := map[protoreflect.FullName]int{}
	hits := map[string]int{}
	for seed := range 1500 {
		vs := rapid.Custom(genSchemaVirtualService).Example(seed)
		reach(found, (&networking.VirtualService{}).ProtoReflect().Descriptor(), spec(vs))
		reach(found, (&networking.DestinationRule{}).ProtoReflect().Descriptor(), spec(rapid.Custom(genSchemaRule).Example(seed)))
		splits := rapid.Custom(genSplits).Example(seed)
		applied, err := Apply(vs, splits)
		if err != nil {
			hits["refused"]++
			continue
		}
		for _, live := range Read(applied) {
			for what, hit := range map[string]bool{
				"by weight": live.Weight > 0 && live.Weight < 10000, "all": live.Weight == 10000, "pinned": live.Weight == 0,
				"by content": live.Content > 0, "by both": live.Content > 0 && live.Weight > 0, "mirrored": live.Mirror > 0,
			} {
				if hit {
					hits[what]++
				}
			}
		}
		if len(Read(applied)) > 1 {
			hits["two releases"]++
		}
	}
	// A TCP route by destinationSubnets is refused.
	left := []protoreflect.FullName{"istio.networking.v1alpha3.L4MatchAttributes.destination_subnets"}
	for _, md := range []protoreflect.MessageDescriptor{
		(&networking.VirtualService{}).ProtoReflect().Descriptor(), (&networking.DestinationRule{}).ProtoReflect().Descriptor(),
	} {
		eachField(md, map[protoreflect.FullName]bool{}, func(field protoreflect.FieldDescriptor) {
			if found[field.FullName()] == 0 && !slices.Contains(left, field.FullName()) {
				t.Errorf("field %s was never generated", field.FullName())
			}
		})
	}
	for _, what := range []string{"refused", "by weight", "all", "pinned", "by content", "by both", "mirrored", "two releases"} {
		if hits[what] < 20 {
			t.Errorf("only %d of 1500 are %s", hits[what], what)
		}
	}
	t.Logf("%d fields, %v", len(found), hits)
}

// reach notes which fields a generated message has.
func reach(found map[protoreflect.FullName]int, md protoreflect.MessageDescriptor, fields map[string]any) {
	for i := range md.Fields().Len() {
		field := md.Fields().Get(i)
		value, has := fields[field.JSONName()]
		if !has {
			continue
		}
		found[field.FullName()]++
		of := field.Message()
		if field.IsMap() {
			of = field.MapValue().Message()
		}
		if of == nil {
			continue
		}
		items := []any{value}
		switch v := value.(type) {
		case []any:
			items = v
		case map[string]any:
			if field.IsMap() {
				items = nil
				for _, item := range v {
					items = append(items, item)
				}
			}
		}
		for _, item := range items {
			if message, ok := item.(map[string]any); ok {
				reach(found, of, message)
			}
		}
	}
}

// eachField visits the fields of a message and of all within it, but for those of
// google.protobuf, which JSON writes as one value.
func eachField(md protoreflect.MessageDescriptor, seen map[protoreflect.FullName]bool, visit func(protoreflect.FieldDescriptor)) {
	if seen[md.FullName()] || md.ParentFile().Package() == "google.protobuf" {
		return
	}
	seen[md.FullName()] = true
	for i := range md.Fields().Len() {
		field := md.Fields().Get(i)
		visit(field)
		of := field.Message()
		if field.IsMap() {
			of = field.MapValue().Message()
		}
		if of != nil {
			eachField(of, seen, visit)
		}
	}
}
