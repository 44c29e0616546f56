package e2e

import (
	"slices"
	"testing"
)

// TestMesh runs the scenarios on one mesh. Those of the first lists leave each
// other alone and run side by side; those of the last concern the controller
// itself, and run one by one after them.
func TestMesh(t *testing.T) {
	if *slow {
		atOnce(t, slowScenarios)
		return
	}
	all := slices.Clone(sideBySide)
	for _, s := range shapes {
		all = append(all, scenario{s.name, s.run})
	}
	t.Run("SideBySide", func(t *testing.T) { atOnce(t, all) })
	for _, s := range oneByOne {
		t.Run(s.name, s.run)
	}
}

func atOnce(t *testing.T, scenarios []scenario) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.run(t)
		})
	}
}

type scenario struct {
	name string
	run  func(*testing.T)
}

var sideBySide = []scenario{
	{"AnnotationAlone", annotationAlone},
	{"AppliedEverySecond", appliedEverySecond},
	{"Lost", lost},
	{"NeverReady", neverReady},
	{"TwoAtOnce", twoAtOnce},
	{"SecondCloneByHand", secondCloneByHand},
	{"BadIntent", badIntent},
	{"Bookinfo", bookinfo},
	{"VersionsMeddled", versionsMeddled},
	{"RoutesMeddled", routesMeddled},
	{"ServiceDeleted", serviceDeleted},
	{"SharedVirtualService", sharedVirtualService},
	{"ByContent", byContent},
	{"Mirrored", mirrored},
	{"BlueGreen", blueGreen},
	{"InPlace", inPlace},
	{"InPlacePressed", inPlacePressed},
	{"WaitingForSource", waitingForSource},
	{"ManagedAccepted", managedAccepted},
	{"RefusedByName", refusedByName},
	{"AllThatRoutesDo", allThatRoutesDo},
	{"Delegated", delegated},
	{"TwoInOneRoute", twoInOneRoute},
	{"ContentMeddled", contentMeddled},
	{"CancelledEarly", cancelledAt(earlyMoments)},
	{"CancelledLate", cancelledAt(lateMoments)},
	{"CancelledOtherwise", cancelledAt(otherMoments)},
	{"CancelledFinishing", cancelledFinishing},
	{"OriginalMeddled", originalMeddled},
	{"OriginalDeleted", originalDeleted},
	{"PodsMeddled", podsMeddled},
	{"Patched", patched},
	{"ScaledUp", scaledUp},
	{"Connected", connected},
	{"Churned", churned},
	{"ForgedByATenant", forgedByATenant},
	{"RoutesFrozen", routesFrozen},
	{"RuleDeleted", ruleDeleted},
	{"Soak", soaked},
}

var oneByOne = []scenario{
	{"WritesCounted", counted},
	{"ControllerKilled", killed},
	{"WithoutWebhook", withoutWebhook},
	{"Uninstalled", uninstalled},
	{"Orphaned", orphaned}, // the last: it ends with a product that was installed anew
}
