package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
)

// portServer serves one port of one pod: HTTP/1.1, HTTP/2 with prior
// knowledge, and, for a client that speaks neither, lines; inside of TLS where
// the pod has it.
type portServer struct {
	listener net.Listener
	http     *http.Server
	handOver chan net.Conn
	stopping chan struct{}
	stopOnce sync.Once
	lines    func(*client)
	options  portOptions

	mu sync.Mutex
	// quiet are connections that have not said anything, talking those that
	// speak lines.
	quiet, talking map[net.Conn]bool
	conversations  sync.WaitGroup
}

func listen(address string, a *app, options portOptions) (*portServer, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", address, err)
	}
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	s := &portServer{
		listener: listener,
		http: &http.Server{
			Handler: a, Protocols: &protocols, ErrorLog: log.New(io.Discard, "", 0), ConnContext: withPeer,
		},
		handOver: make(chan net.Conn), stopping: make(chan struct{}),
		lines: a.serveLines, options: options, quiet: map[net.Conn]bool{}, talking: map[net.Conn]bool{},
	}
	go s.accept()
	go func() {
		if err := s.http.Serve(handOverListener{s}); !errors.Is(err, http.ErrServerClosed) {
			log.Printf("serving %s: %v", address, err)
		}
	}()
	return s, nil
}

func (s *portServer) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.quiet[conn] = true
		s.mu.Unlock()
		go s.admit(conn)
	}
}

// admit finds out what a client speaks and lets the right server have it.
func (s *portServer) admit(conn net.Conn) {
	c, err := s.options.secure(conn)
	isHTTP := false
	if err == nil && !s.options.first {
		isHTTP, err = c.speaksHTTP()
	}
	s.unquiet(conn)
	switch {
	case err != nil:
		_ = conn.Close()
	case !isHTTP:
		s.converse(c)
	default:
		select {
		case s.handOver <- c:
		case <-s.stopping:
			_ = conn.Close()
		}
	}
}

func (s *portServer) unquiet(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.quiet, conn)
}

// converse speaks lines with a client, in a goroutine that stop waits for.
func (s *portServer) converse(c *client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.talking[c] = true
	s.conversations.Go(func() {
		s.lines(c)
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.talking, c)
	})
}

// stop takes no more connections, tells open ones that they should end
// (GOAWAY, Connection: close), and serves what is open until ctx ends.
func (s *portServer) stop(ctx context.Context) {
	_ = s.listener.Close()
	s.mu.Lock()
	for conn := range s.quiet {
		_ = conn.Close()
	}
	s.mu.Unlock()
	if err := s.http.Shutdown(ctx); err != nil {
		_ = s.http.Close()
	}
	ended := make(chan struct{})
	go func() {
		s.conversations.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		s.mu.Lock()
		defer s.mu.Unlock()
		for conn := range s.talking {
			_ = conn.Close()
		}
	}
}

// handOverListener gives the HTTP server the connections that speak HTTP.
type handOverListener struct{ s *portServer }

func (l handOverListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.s.handOver:
		return conn, nil
	case <-l.s.stopping:
		return nil, net.ErrClosed
	}
}

// Close is called when the server shuts down, which waits for Accept.
func (l handOverListener) Close() error {
	l.s.stopOnce.Do(func() { close(l.s.stopping) })
	return nil
}

func (l handOverListener) Addr() net.Addr { return l.s.listener.Addr() }
