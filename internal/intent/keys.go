package intent

// Prefix is that of every annotation and label of ours.
const Prefix = "grayscale.dev/"

// The annotations on the original Deployment: the intent (the contract's
// section 2).
const (
	KeyRelease  = Prefix + "release"
	KeyForm     = Prefix + "form"
	KeyService  = Prefix + "service"
	KeyVersion  = Prefix + "version"
	KeyImage    = Prefix + "image"
	KeyPatch    = Prefix + "patch"
	KeyName     = Prefix + "name"
	KeyReplicas = Prefix + "replicas"
	KeyWeight   = Prefix + "weight"
	KeyMatch    = Prefix + "match"
	KeyMirror   = Prefix + "mirror"
	KeyTraffic  = Prefix + "traffic"
	KeyEnd      = Prefix + "end"
	KeyAccept   = Prefix + "accept"
	KeyBy       = Prefix + "by"
	KeyFinish   = Prefix + "finish"
)

// Keys are the intent's keys in the order in which they are shown.
var Keys = []string{
	KeyRelease, KeyForm, KeyService, KeyVersion, KeyImage, KeyPatch, KeyName, KeyReplicas,
	KeyWeight, KeyMatch, KeyMirror, KeyTraffic, KeyEnd, KeyAccept, KeyBy, KeyFinish,
}

// What else of ours stands on objects.
const (
	// LabelTask and LabelOf are on the clone itself, not on its pods: the task's
	// name and the original Deployment's name.
	LabelTask = Prefix + "task"
	LabelOf   = Prefix + "of"
	// LabelService is on the VirtualServices and DestinationRules that are ours
	// as a whole: the name of the Service.
	LabelService = Prefix + "service"
	// LabelNamespace beside it names the Service's namespace.
	LabelNamespace = Prefix + "namespace"
	// AnnotationStatus and AnnotationHistory are on the Service.
	AnnotationStatus  = Prefix + "status"
	AnnotationHistory = Prefix + "history"
	// AnnotationWritten is on a DestinationRule of ours: when it last got a subset
	// or a proxy (RFC 3339, UTC), so that the propagation delay outlives a crash.
	AnnotationWritten = Prefix + "written"
	// AnnotationUnused is on a DestinationRule of ours whose Service no release
	// holds any more: since when no route names its subsets, in the same form.
	AnnotationUnused = Prefix + "unused"
	// AnnotationCalm is on a DestinationRule of ours whose Service no release holds
	// any more: since when no route leads to the clone, in the same form.
	AnnotationCalm = Prefix + "calm"
	// AnnotationGone is on the same rule: since when the clone's pods are gone.
	AnnotationGone = Prefix + "gone"
	// AnnotationRules is on a VirtualService that holds routes by content of ours:
	// the rules that they say, as JSON, by the Service's "namespace/name".
	AnnotationRules = Prefix + "rules"
)
