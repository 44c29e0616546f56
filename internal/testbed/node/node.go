// Package node plays the cluster's only node: it binds pods, gives them IPs,
// runs what their images stand for, says in their status how they are, and
// ends them as a kubelet does: the endpoint leaves first, connections are
// served to the end.
package node

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"path/filepath"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/identity"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/network"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/proxy"
)

// Name is the node's.
const Name = "testbed"

// Config is what a node needs.
type Config struct {
	Client   kubernetes.Interface
	Resolver *proxy.Resolver
	// Programs is the folder with the controller's program.
	Programs string
	// Logs and PIDs are folders for what pods that are processes print, and for
	// their process ids; Data is one for their volumes.
	Logs, PIDs, Data string
	// APIServer is the address that pods are given, as host and port.
	APIServerHost, APIServerPort string
	// TLS serves container logs to the API server.
	TLS *tls.Config
	// Identity signs the certificates of pods.
	Identity *identity.Issuer
}

// Node runs pods.
type Node struct {
	Config
	pods      listers.PodLister
	addresses *addresses
	events    record.EventRecorder

	mu      sync.Mutex
	runners map[types.UID]*runner
	// transports are those of pods that call others, by namespace.
	transports map[string]*http.Transport
	running    sync.WaitGroup
}

// New returns a node that learns of pods from an informer that the caller
// starts.
func New(config Config, factory informers.SharedInformerFactory) *Node {
	broadcaster := record.NewBroadcaster()
	broadcaster.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: config.Client.CoreV1().Events("")})
	return &Node{
		Config:    config,
		pods:      factory.Core().V1().Pods().Lister(),
		addresses: newAddresses(),
		events:    broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "kubelet", Host: Name}),
		runners:   map[types.UID]*runner{}, transports: map[string]*http.Transport{},
	}
}

// Start registers the node and begins to run pods, until ctx ends.
func (n *Node) Start(ctx context.Context, factory informers.SharedInformerFactory) error {
	if err := n.serveLogs(ctx); err != nil {
		return err
	}
	if err := n.register(ctx); err != nil {
		return err
	}
	_, err := factory.Core().V1().Pods().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { n.see(ctx, o) },
		UpdateFunc: func(_, o any) { n.see(ctx, o) },
		DeleteFunc: n.forget,
	})
	if err != nil {
		return fmt.Errorf("watching pods: %w", err)
	}
	return nil
}

// register creates the Node object, which the API server asks for the address
// of container logs.
func (n *Node) register(ctx context.Context) error {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: Name, Labels: map[string]string{
		corev1.LabelHostname: Name, corev1.LabelOSStable: "linux",
	}}}
	created, err := n.Client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("creating Node %s: %w", Name, err)
	}
	now := metav1.Now()
	room := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("64"), corev1.ResourceMemory: resource.MustParse("256Gi"), corev1.ResourcePods: resource.MustParse("10000"),
	}
	created.Status = corev1.NodeStatus{
		Capacity: room, Allocatable: room,
		Addresses:       []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: network.NodeIP}, {Type: corev1.NodeHostName, Address: Name}},
		DaemonEndpoints: corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: LogsPort}},
		Conditions: []corev1.NodeCondition{{
			Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady",
			Message: "the testbed runs pods", LastHeartbeatTime: now, LastTransitionTime: now,
		}},
	}
	if _, err := n.Client.CoreV1().Nodes().UpdateStatus(ctx, created, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("updating the status of Node %s: %w", Name, err)
	}
	return nil
}

func (n *Node) see(ctx context.Context, o any) {
	pod, ok := o.(*corev1.Pod)
	if !ok || len(pod.Spec.SchedulingGates) > 0 {
		return
	}
	if pod.Spec.NodeName != "" && pod.Spec.NodeName != Name {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	r := n.runners[pod.UID]
	if r == nil {
		r = newRunner(n, pod)
		n.runners[pod.UID] = r
		n.running.Go(func() {
			r.run(ctx)
			n.mu.Lock()
			defer n.mu.Unlock()
			delete(n.runners, pod.UID)
		})
	}
	r.nudge()
}

func (n *Node) forget(o any) {
	if gone, ok := o.(cache.DeletedFinalStateUnknown); ok {
		o = gone.Obj
	}
	pod, ok := o.(*corev1.Pod)
	if !ok {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if r := n.runners[pod.UID]; r != nil {
		r.nudge()
	}
}

// runnerOf finds the runner of a pod by name.
func (n *Node) runnerOf(namespace, name string) *runner {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, r := range n.runners {
		if r.namespace == namespace && r.name == name {
			return r
		}
	}
	return nil
}

func (n *Node) podData(uid types.UID) string { return filepath.Join(n.Data, string(uid)) }
