package network

import (
	"fmt"
	"net"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

const (
	ipv4SourceOffset      = 12
	ipv4DestinationOffset = 16
)

// redirect sends TCP to the Service range to the sidecar's port, as Istio's
// iptables rules do in a pod. What comes from the sidecar's own address is
// left alone: Envoy's passthrough would come back to it for ever.
//
//	chain output { type nat hook output priority dstnat
//	  ip saddr != 10.244.0.2 ip daddr 10.96.0.0/16 meta l4proto tcp redirect to :15001 }
func redirect(services, except string, port uint16) error {
	_, dst, err := net.ParseCIDR(services)
	if err != nil {
		return fmt.Errorf("range %s: %w", services, err)
	}
	conn, err := nftables.New()
	if err != nil {
		return fmt.Errorf("opening nftables: %w", err)
	}
	table := conn.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: "testbed"})
	chain := conn.AddChain(&nftables.Chain{
		Name: "output", Table: table, Type: nftables.ChainTypeNAT,
		Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityNATDest,
	})
	conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: ipv4SourceOffset, Len: 4},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: net.ParseIP(except).To4()},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: ipv4DestinationOffset, Len: 4},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: dst.Mask, Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: dst.IP.To4()},
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_TCP}},
		&expr.Immediate{Register: 1, Data: binaryutil.BigEndian.PutUint16(port)},
		&expr.Redir{RegisterProtoMin: 1},
	}})
	if err := conn.Flush(); err != nil {
		return fmt.Errorf("redirecting %s to the sidecar (does this kernel have nf_tables and nft_redir?): %w", services, err)
	}
	return nil
}
