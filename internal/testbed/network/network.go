// Package network lays out the testbed's network, in a network namespace that
// the caller has to itself.
//
//	10.244.0.0/16  pods: every address is bindable
//	10.96.0.0/16   Services: what is sent there is redirected to the client's sidecar
//	10.244.0.3     the gateway's Envoy, in a network namespace of its own behind
//	               a veth pair, so that its ports are no pod's
package network

import (
	"fmt"
	"net"
	"os"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const (
	// PodRange is the CIDR of the pods.
	PodRange = "10.244.0.0/16"
	// ServiceRange is that of the Services.
	ServiceRange = "10.96.0.0/16"
	// NodeIP is the node's own address, also as the gateway sees it.
	NodeIP = "10.244.0.1"
	// SidecarIP is the client's pod's: its Envoy sends from it.
	SidecarIP = "10.244.0.2"
	// GatewayIP is the gateway's.
	GatewayIP = "10.244.0.3"
	// SidecarPort is where the sidecar's virtualOutbound listens.
	SidecarPort = 15001
)

// Setup makes the addresses and the redirect.
func Setup() error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("looking for the loopback device: %w", err)
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return fmt.Errorf("bringing the loopback device up: %w", err)
	}
	for _, cidr := range []string{PodRange, ServiceRange} {
		if err := bindable(lo, cidr); err != nil {
			return err
		}
	}
	if err := settings(); err != nil {
		return err
	}
	return redirect(ServiceRange, SidecarIP, SidecarPort)
}

// bindable makes every address of a range one of this namespace's own. The
// route lies in the main table, because the local table is asked first, and
// the gateway's address is an exception to it.
func bindable(lo netlink.Link, cidr string) error {
	_, dst, err := net.ParseCIDR(cidr)
	if err != nil {
		return fmt.Errorf("range %s: %w", cidr, err)
	}
	route := &netlink.Route{LinkIndex: lo.Attrs().Index, Dst: dst, Type: unix.RTN_LOCAL, Scope: unix.RT_SCOPE_HOST, Table: unix.RT_TABLE_MAIN}
	if err := netlink.RouteReplace(route); err != nil {
		return fmt.Errorf("routing %s to the loopback device: %w", cidr, err)
	}
	return nil
}

// settings suit one machine that plays many: any port for any user, and a
// wide range of ports for clients.
func settings() error {
	for name, value := range map[string]string{
		"ip_unprivileged_port_start": "0",
		"ip_local_port_range":        "20000 65000",
	} {
		if err := os.WriteFile("/proc/sys/net/ipv4/"+name, []byte(value), 0o644); err != nil {
			return fmt.Errorf("setting net.ipv4.%s=%s: %w", name, value, err)
		}
	}
	return nil
}
