package release

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The types of condition, in the form of Kubernetes' own.
// https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md#typical-status-properties
const (
	Progressing     = "Progressing"     // something is still to be done for what was asked
	PodsReady       = "Ready"           // the grayscale version has the pods that the live policy needs
	Routed          = "Routed"          // the live routes are what was asked
	Degraded        = "Degraded"        // something is wrong, and the message says what
	OriginalChanged = "OriginalChanged" // the original's pod template is not the one that was cloned
)

// The reasons, a fixed list.
const (
	ReasonPinning           = "Pinning"
	ReasonPropagating       = "Propagating"
	ReasonStarting          = "StartingPods"
	ReasonShifting          = "Shifting"
	ReasonDraining          = "Draining"
	ReasonLeaving           = "PodsLeaving"
	ReasonStripping         = "Stripping"
	ReasonWaitingForTraffic = "WaitingForTraffic"
	ReasonHolding           = "HoldingForReadiness"
	ReasonRollingOut        = "RollingOut"
	ReasonWaitingForSource  = "WaitingForSource"
	ReasonSettled           = "Settled"

	ReasonPodsReady    = "PodsReady"
	ReasonPodsNotReady = "PodsNotReady"
	ReasonDelivered    = "Delivered"
	ReasonUndelivered  = "Undelivered"

	ReasonAsExpected      = "AsExpected"
	ReasonUnpinned        = "Unpinned"
	ReasonNoEndpoints     = "NoEndpoints"
	ReasonPodsFailing     = "PodsFailing"
	ReasonOriginalGone    = "OriginalGone"
	ReasonOriginalEmpty   = "OriginalWithoutEndpoints"
	ReasonRefused         = "Refused"
	ReasonInvalidIntent   = "InvalidIntent"
	ReasonFought          = "Fought"
	ReasonUndersized      = "Undersized"
	ReasonManaged         = "Managed"
	ReasonPodLabels       = "PodLabelsChanged"
	ReasonTemplateChanged = "TemplateChanged"
	ReasonNameTaken       = "NameTaken"
	ReasonUnrouted        = "Unrouted"
	ReasonLateRoute       = "RouteAppeared"
	ReasonPaused          = "OriginalPaused"
	ReasonNoWayBack       = "NoWayBack"
)

// SetCondition writes a condition, keeping the transition time where the
// truth has not changed. It says whether status or reason changed.
func (s *Status) SetCondition(kind string, truth bool, reason, message string, now time.Time) bool {
	status := metav1.ConditionFalse
	if truth {
		status = metav1.ConditionTrue
	}
	before := meta.FindStatusCondition(s.Conditions, kind)
	changed := before == nil || before.Status != status || before.Reason != reason
	meta.SetStatusCondition(&s.Conditions, metav1.Condition{
		Type: kind, Status: status, Reason: reason, Message: message, LastTransitionTime: metav1.NewTime(now),
	})
	return changed
}

// Condition gives the condition of that type, or nil.
func (s *Status) Condition(kind string) *metav1.Condition {
	return meta.FindStatusCondition(s.Conditions, kind)
}

// Is says whether the condition of that type is true.
func (s *Status) Is(kind string) bool { return meta.IsStatusConditionTrue(s.Conditions, kind) }
