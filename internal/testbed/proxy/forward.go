package proxy

import (
	"errors"
	"io"
	"net"
)

// Forward accepts connections and joins each to one to address, until the
// listener is closed.
func Forward(listener net.Listener, address string) error {
	for {
		client, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		go func() {
			upstream, err := net.Dial("tcp", address)
			if err != nil {
				_ = client.Close()
				return
			}
			join(client, upstream, client)
		}()
	}
}

// join copies both ways until both ends have had their say, and closes them.
// From is where the client's bytes are read: some may be buffered already.
func join(client, upstream net.Conn, from io.Reader) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(upstream, from)
		closeWrite(upstream)
	}()
	_, _ = io.Copy(client, upstream)
	closeWrite(client)
	<-done
	_ = upstream.Close()
	_ = client.Close()
}

func closeWrite(c net.Conn) {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		// The other end may have gone first.
		_ = half.CloseWrite()
	}
}
