package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
)

// portServer serves one port of one pod: HTTP/1.1, HTTP/2 with prior
// knowledge, and, for a client that speaks neither, lines.
type portServer struct {
	listener net.Listener
	http     *http.Server
	handOver chan net.Conn
	stopping chan struct{}
	stopOnce sync.Once
	lines    func(net.Conn, io.Reader)
	// first: the server speaks first, so HTTP is not looked for.
	first bool

	mu sync.Mutex
	// quiet are connections that have not said anything, talking those that
	// speak lines.
	quiet, talking map[net.Conn]bool
	conversations  sync.WaitGroup
}

// greetsFirst: by its name, a port is for a protocol where the server may
// speak first. https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection/
func greetsFirst(p corev1.ContainerPort) bool {
	return p.Name == "tcp" || strings.HasPrefix(p.Name, "tcp-")
}

func listen(address string, a *app, first bool) (*portServer, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", address, err)
	}
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	s := &portServer{
		listener: listener,
		http:     &http.Server{Handler: a, Protocols: &protocols, ErrorLog: log.New(io.Discard, "", 0)},
		handOver: make(chan net.Conn), stopping: make(chan struct{}),
		lines: a.serveLines, first: first, quiet: map[net.Conn]bool{}, talking: map[net.Conn]bool{},
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
		if s.first {
			s.converse(conn, conn)
			continue
		}
		s.mu.Lock()
		s.quiet[conn] = true
		s.mu.Unlock()
		go s.sort(conn)
	}
}

// sort reads until it is clear whether the client speaks HTTP.
func (s *portServer) sort(conn net.Conn) {
	head := make([]byte, 0, 512)
	for {
		n, err := conn.Read(head[len(head):cap(head)])
		head = head[:len(head)+n]
		if err != nil && n == 0 {
			s.unquiet(conn)
			_ = conn.Close()
			return
		}
		if isHTTP, sure := looksLikeHTTP(head); sure {
			s.unquiet(conn)
			replayed := &replayedConn{Conn: conn, head: head}
			if !isHTTP {
				s.converse(conn, replayed)
				return
			}
			select {
			case s.handOver <- replayed:
			case <-s.stopping:
				_ = conn.Close()
			}
			return
		}
	}
}

func (s *portServer) unquiet(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.quiet, conn)
}

// converse speaks lines with a client, in a goroutine that stop waits for.
func (s *portServer) converse(conn net.Conn, from io.Reader) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.talking[conn] = true
	s.conversations.Go(func() {
		s.lines(conn, from)
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.talking, conn)
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

// replayedConn is a connection whose first bytes have been read already.
type replayedConn struct {
	net.Conn
	head []byte
}

func (c *replayedConn) Read(p []byte) (int, error) {
	if len(c.head) > 0 {
		n := copy(p, c.head)
		c.head = c.head[n:]
		return n, nil
	}
	return c.Conn.Read(p)
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
