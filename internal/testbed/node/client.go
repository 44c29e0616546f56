package node

import (
	"context"
	"net"
)

// client is a connection to a pod. Its first bytes may have been read
// already, to see what it speaks.
type client struct {
	net.Conn
	head []byte
	// peer is the SPIFFE id of a client that the mesh vouches for.
	peer string
}

func (c *client) Read(p []byte) (int, error) {
	if len(c.head) > 0 {
		n := copy(p, c.head)
		c.head = c.head[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}

// peek reads until enough, which is given all that was read, says so. What
// was read is read again later.
func (c *client) peek(enough func(head []byte) bool) error {
	buffer := make([]byte, 2048)
	for len(c.head) == 0 || !enough(c.head) {
		n, err := c.Conn.Read(buffer)
		c.head = append(c.head, buffer[:n]...)
		if err != nil && n == 0 {
			return err
		}
	}
	return nil
}

// speaksHTTP reads until it is clear whether the client does.
func (c *client) speaksHTTP() (isHTTP bool, err error) {
	err = c.peek(func(head []byte) bool {
		var sure bool
		isHTTP, sure = looksLikeHTTP(head)
		return sure
	})
	return isHTTP, err
}

// methods begin a request; PRI begins HTTP/2 (RFC 9113, 3.4).
var methods = []string{"GET ", "POST ", "PUT ", "HEAD ", "DELETE ", "PATCH ", "OPTIONS ", "TRACE ", "CONNECT ", "PRI "}

// looksLikeHTTP tells what the first bytes of a connection are, once there
// are enough of them to be sure.
func looksLikeHTTP(head []byte) (isHTTP, sure bool) {
	for _, m := range methods {
		n := min(len(m), len(head))
		if string(head[:n]) == m[:n] {
			return true, n == len(m)
		}
	}
	return false, true
}

type peerKey struct{}

// withPeer tells requests of a connection who its peer is.
func withPeer(ctx context.Context, conn net.Conn) context.Context {
	if c, ok := conn.(*client); ok {
		return context.WithValue(ctx, peerKey{}, c.peer)
	}
	return ctx
}

// peerOf is the SPIFFE id of who sent a request, or empty.
func peerOf(ctx context.Context) string {
	peer, _ := ctx.Value(peerKey{}).(string)
	return peer
}
