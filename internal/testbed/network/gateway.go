package network

import (
	"errors"
	"fmt"
	"net"
	"runtime"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// InGateway makes the gateway's network namespace and calls start in it: a
// process that start begins stays there.
func InGateway(start func() error) (err error) {
	// The namespace is the thread's; a child inherits that of the thread that
	// forks it.
	runtime.LockOSThread()
	defer func() {
		// A thread that could not go back is left to die with its goroutine.
		if err == nil {
			runtime.UnlockOSThread()
		}
	}()
	node, err := netns.Get()
	if err != nil {
		return fmt.Errorf("the node's network namespace: %w", err)
	}
	defer func() { _ = node.Close() }()
	gateway, err := netns.New()
	if err != nil {
		return fmt.Errorf("making the gateway's network namespace: %w", err)
	}
	defer func() { _ = gateway.Close() }()
	inside := errors.Join(wireGateway(node), start())
	if err := netns.Set(node); err != nil {
		return errors.Join(inside, fmt.Errorf("returning to the node's network namespace: %w", err))
	}
	return inside
}

// wireGateway runs in the gateway's namespace.
func wireGateway(node netns.NsHandle) error {
	pair := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "eth0"}, PeerName: "gateway", PeerNamespace: netlink.NsFd(node)}
	if err := netlink.LinkAdd(pair); err != nil {
		return fmt.Errorf("making the gateway's veth pair: %w", err)
	}
	here, err := netlink.NewHandle()
	if err != nil {
		return fmt.Errorf("opening netlink in the gateway's namespace: %w", err)
	}
	defer here.Close()
	there, err := netlink.NewHandleAt(node)
	if err != nil {
		return fmt.Errorf("opening netlink in the node's namespace: %w", err)
	}
	defer there.Close()
	// The node's end needs an address of its own for the gateway to route by.
	if err := end(there, "gateway", NodeIP, GatewayIP); err != nil {
		return err
	}
	if err := end(here, "lo", "", ""); err != nil {
		return err
	}
	if err := end(here, "eth0", GatewayIP, NodeIP); err != nil {
		return err
	}
	return defaultRoute(here, "eth0", NodeIP)
}

// end brings one end of the pair up, with its address and that of its peer.
func end(h *netlink.Handle, name, own, peer string) error {
	link, err := h.LinkByName(name)
	if err != nil {
		return fmt.Errorf("looking for device %s: %w", name, err)
	}
	if own != "" {
		address := &netlink.Addr{IPNet: host(own), Peer: host(peer)}
		if err := h.AddrAdd(link, address); err != nil {
			return fmt.Errorf("giving %s the address %s: %w", name, own, err)
		}
	}
	if err := h.LinkSetUp(link); err != nil {
		return fmt.Errorf("bringing %s up: %w", name, err)
	}
	return nil
}

func defaultRoute(h *netlink.Handle, name, via string) error {
	link, err := h.LinkByName(name)
	if err != nil {
		return fmt.Errorf("looking for device %s: %w", name, err)
	}
	if err := h.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Gw: net.ParseIP(via)}); err != nil {
		return fmt.Errorf("routing the gateway's traffic by %s: %w", via, err)
	}
	return nil
}

func host(ip string) *net.IPNet {
	return &net.IPNet{IP: net.ParseIP(ip).To4(), Mask: net.CIDRMask(32, 32)}
}
