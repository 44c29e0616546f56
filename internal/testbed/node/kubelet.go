package node

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/network"
)

// LogsPort is where the API server asks the node for container logs.
const LogsPort = 10250

// serveLogs serves the one part of a kubelet's API that kubectl logs needs.
func (n *Node) serveLogs(ctx context.Context) error {
	address := net.JoinHostPort(network.NodeIP, strconv.Itoa(LogsPort))
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("serving container logs: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", n.containerLogs)
	server := &http.Server{
		Handler: mux, TLSConfig: n.TLS, ErrorLog: log.New(io.Discard, "", 0),
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	go func() {
		if err := server.ServeTLS(listener, "", ""); err != nil && ctx.Err() == nil {
			log.Printf("serving container logs: %v", err)
		}
	}()
	return nil
}

func (n *Node) containerLogs(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("container")
	run := n.runnerOf(r.PathValue("namespace"), r.PathValue("pod"))
	source := run.logs(name)
	if source == nil {
		http.Error(w, fmt.Sprintf("container %q in pod %q has not started", name, r.PathValue("pod")), http.StatusBadRequest)
		return
	}
	text, next, err := source.read(0)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	query := r.URL.Query()
	if lines, err := strconv.Atoi(query.Get("tailLines")); err == nil {
		text = tail(text, lines)
	}
	if _, err := io.WriteString(w, text); err != nil || query.Get("follow") != "true" {
		return
	}
	run.follow(w, r, source, next)
}

// logs returns those of a container, or nil.
func (r *runner) logs(name string) logSource {
	if r == nil {
		return nil
	}
	all := r.published.Load()
	if all == nil || (*all)[name] == nil {
		return nil
	}
	return (*all)[name].logs()
}

// follow writes what the container prints from then on, until the client or
// the pod goes.
func (r *runner) follow(w http.ResponseWriter, in *http.Request, source logSource, next int64) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if err := http.NewResponseController(w).Flush(); err != nil {
			return
		}
		select {
		case <-in.Context().Done():
			return
		case <-r.gone:
			return
		case <-tick.C:
		}
		var text string
		var err error
		if text, next, err = source.read(next); err != nil {
			return
		}
		if _, err := io.WriteString(w, text); err != nil {
			return
		}
	}
}

func tail(text string, lines int) string {
	all := strings.SplitAfter(text, "\n")
	if all[len(all)-1] == "" {
		all = all[:len(all)-1]
	}
	return strings.Join(all[max(0, len(all)-max(0, lines)):], "")
}
