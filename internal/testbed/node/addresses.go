package node

import (
	"fmt"
	"net/netip"
	"sync"
)

// addresses hands out pod IPs one after the other, so that an IP is not used
// again soon after its pod is gone: Envoy may still know it.
type addresses struct {
	mu   sync.Mutex
	last netip.Addr
	used map[netip.Addr]bool
}

var (
	firstPodIP = netip.MustParseAddr("10.244.1.1")
	lastPodIP  = netip.MustParseAddr("10.244.255.254")
)

func newAddresses() *addresses {
	return &addresses{last: firstPodIP.Prev(), used: map[netip.Addr]bool{}}
}

func (a *addresses) take() (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for range 1 << 16 {
		a.last = a.last.Next()
		if lastPodIP.Less(a.last) {
			a.last = firstPodIP
		}
		if !a.used[a.last] {
			a.used[a.last] = true
			return a.last.String(), nil
		}
	}
	return "", fmt.Errorf("no pod IP is free between %s and %s", firstPodIP, lastPodIP)
}

func (a *addresses) free(ip string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if addr, err := netip.ParseAddr(ip); err == nil {
		delete(a.used, addr)
	}
}
