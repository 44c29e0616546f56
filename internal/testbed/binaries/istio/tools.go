//go:build tools

// Package tools keeps istiod in go.mod, so that the testbed builds it at
// exactly this version.
package tools

import (
	_ "github.com/KimMachineGun/automemlimit"
	_ "istio.io/istio/pilot/cmd/pilot-discovery/app"
)
