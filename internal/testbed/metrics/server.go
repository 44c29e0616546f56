// Package metrics serves the resource metrics API, metrics.k8s.io, as
// metrics-server does in a cluster: the horizontal pod autoscaler and kubectl
// top read it. What a pod uses is what its annotations say.
// https://kubernetes.io/docs/tasks/debug/debug-cluster/resource-metrics-pipeline/
package metrics

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/metrics/pkg/apis/metrics/v1beta1"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/network"
)

const (
	// port is where the API server asks.
	port = 4443
	// window is the time that a measurement is said to cover: a pod is not
	// measured for that long after it became ready.
	window = time.Second
)

// Server answers the API server's requests.
type Server struct {
	pods  listers.PodLister
	nodes listers.NodeLister
}

// NewServer reads pods and nodes from informers that the caller starts.
func NewServer(factory informers.SharedInformerFactory) *Server {
	return &Server{pods: factory.Core().V1().Pods().Lister(), nodes: factory.Core().V1().Nodes().Lister()}
}

// Serve serves until ctx ends; it returns when it listens. By the TLS
// configuration only the API server may ask: it has checked its client's
// rights already.
func (s *Server) Serve(ctx context.Context, config *tls.Config) error {
	listener, err := net.Listen("tcp", net.JoinHostPort(network.NodeIP, strconv.Itoa(port)))
	if err != nil {
		return fmt.Errorf("serving metrics: %w", err)
	}
	server := &http.Server{
		Handler: s.handler(), TLSConfig: config, ErrorLog: log.New(io.Discard, "", 0),
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	go func() {
		if err := server.ServeTLS(listener, "", ""); err != nil && ctx.Err() == nil {
			log.Printf("serving metrics: %v", err)
		}
	}()
	return nil
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	root := "GET /apis/" + v1beta1.SchemeGroupVersion.String()
	for path, answer := range map[string]func(*http.Request) (any, error){
		"":       func(*http.Request) (any, error) { return resources(), nil },
		"/nodes": s.listNodes, "/nodes/{name}": s.getNode,
		"/pods": s.listPods, "/namespaces/{namespace}/pods": s.listPods, "/namespaces/{namespace}/pods/{name}": s.getPod,
	} {
		mux.HandleFunc(root+path, func(w http.ResponseWriter, r *http.Request) { reply(w, r, answer) })
	}
	return mux
}

// resources is the API's discovery document.
func resources() *metav1.APIResourceList {
	verbs := metav1.Verbs{"get", "list"}
	return &metav1.APIResourceList{
		TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: v1beta1.SchemeGroupVersion.String(),
		APIResources: []metav1.APIResource{
			{Name: "nodes", Kind: "NodeMetrics", Verbs: verbs},
			{Name: "pods", Kind: "PodMetrics", Namespaced: true, Verbs: verbs},
		},
	}
}

func reply(w http.ResponseWriter, r *http.Request, answer func(*http.Request) (any, error)) {
	body, err := answer(r)
	code := http.StatusOK
	if err != nil {
		var status apierrors.APIStatus
		if !errors.As(err, &status) {
			status = apierrors.NewInternalError(err)
		}
		s := status.Status()
		s.TypeMeta = metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}
		body, code = s, int(s.Code)
	}
	text, err := json.Marshal(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	// A client that is gone can't be told anything.
	_, _ = w.Write(text)
}

// selectors are a list request's.
func selectors(r *http.Request) (labels.Selector, fields.Selector, error) {
	query := r.URL.Query()
	byLabels, err := labels.Parse(query.Get("labelSelector"))
	if err != nil {
		return nil, nil, apierrors.NewBadRequest(err.Error())
	}
	byFields, err := fields.ParseSelector(query.Get("fieldSelector"))
	if err != nil {
		return nil, nil, apierrors.NewBadRequest(err.Error())
	}
	return byLabels, byFields, nil
}

func (s *Server) listPods(r *http.Request) (any, error) {
	byLabels, byFields, err := selectors(r)
	if err != nil {
		return nil, err
	}
	// The empty namespace means all.
	pods, err := s.pods.Pods(r.PathValue("namespace")).List(byLabels)
	if err != nil {
		return nil, err
	}
	list := &v1beta1.PodMetricsList{
		TypeMeta: metav1.TypeMeta{Kind: "PodMetricsList", APIVersion: v1beta1.SchemeGroupVersion.String()},
		Items:    []v1beta1.PodMetrics{},
	}
	for _, pod := range pods {
		if !isMeasured(pod) || !byFields.Matches(fields.Set{"metadata.name": pod.Name, "metadata.namespace": pod.Namespace}) {
			continue
		}
		// One pod's bad annotation hides only that pod; getting it says why.
		if m, err := podMetrics(pod, metav1.Now()); err == nil {
			list.Items = append(list.Items, *m)
		}
	}
	return list, nil
}

func (s *Server) getPod(r *http.Request) (any, error) {
	name := r.PathValue("name")
	pod, err := s.pods.Pods(r.PathValue("namespace")).Get(name)
	if apierrors.IsNotFound(err) || err == nil && !isMeasured(pod) {
		return nil, apierrors.NewNotFound(v1beta1.Resource("pods"), name)
	}
	if err != nil {
		return nil, err
	}
	return podMetrics(pod, metav1.Now())
}

func (s *Server) listNodes(r *http.Request) (any, error) {
	byLabels, byFields, err := selectors(r)
	if err != nil {
		return nil, err
	}
	nodes, err := s.nodes.List(byLabels)
	if err != nil {
		return nil, err
	}
	pods, err := s.pods.List(labels.Everything())
	if err != nil {
		return nil, err
	}
	list := &v1beta1.NodeMetricsList{
		TypeMeta: metav1.TypeMeta{Kind: "NodeMetricsList", APIVersion: v1beta1.SchemeGroupVersion.String()},
		Items:    []v1beta1.NodeMetrics{},
	}
	for _, node := range nodes {
		if byFields.Matches(fields.Set{"metadata.name": node.Name}) {
			list.Items = append(list.Items, *nodeMetrics(node, pods, metav1.Now()))
		}
	}
	return list, nil
}

func (s *Server) getNode(r *http.Request) (any, error) {
	node, err := s.nodes.Get(r.PathValue("name"))
	if apierrors.IsNotFound(err) {
		return nil, apierrors.NewNotFound(v1beta1.Resource("nodes"), r.PathValue("name"))
	}
	if err != nil {
		return nil, err
	}
	pods, err := s.pods.List(labels.Everything())
	if err != nil {
		return nil, err
	}
	return nodeMetrics(node, pods, metav1.Now()), nil
}
