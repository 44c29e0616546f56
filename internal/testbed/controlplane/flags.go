package controlplane

import (
	"strings"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/network"
)

// apiServerFlags: https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/
func (c *Cluster) apiServerFlags(port string) []string {
	return []string{
		"--etcd-servers=http://127.0.0.1:2379",
		"--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--secure-port=" + port,
		"--cert-dir=" + c.data, "--tls-cert-file=" + c.file("apiserver.crt"), "--tls-private-key-file=" + c.file("apiserver.key"),
		"--client-ca-file=" + c.file("ca.crt"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + c.file("sa.key"), "--service-account-signing-key-file=" + c.file("sa.key"),
		"--authorization-mode=RBAC",
		"--service-cluster-ip-range=" + network.ServiceRange,
		// Endpoints can't be loopback addresses, and nothing dials this Service.
		"--endpoint-reconciler-type=none",
		// Nothing plays kube-proxy here: webhooks behind a Service are dialled at
		// their pods.
		"--enable-aggregator-routing=true",
		// The metrics API is another server's: it knows the API server by this.
		"--requestheader-client-ca-file=" + c.file("front-proxy-ca.crt"), "--requestheader-allowed-names=" + frontProxy,
		"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + c.file("front-proxy.crt"), "--proxy-client-key-file=" + c.file("front-proxy.key"),
		"--kubelet-client-certificate=" + c.file("kubelet-client.crt"), "--kubelet-client-key=" + c.file("kubelet-client.key"),
		"--kubelet-certificate-authority=" + c.file("ca.crt"),
		"--kubelet-preferred-address-types=InternalIP",
		"--audit-policy-file=" + c.file("audit-policy.yaml"), "--audit-log-path=" + c.audit, "--audit-log-maxsize=2000",
		"--max-requests-inflight=0", "--max-mutating-requests-inflight=0", "--enable-priority-and-fairness=false",
		"--profiling=false",
	}
}

// controllers are those that a release or its users' objects rely on.
var controllers = []string{
	"deployment-controller", "replicaset-controller", "endpointslice-controller", "endpointslice-mirroring-controller",
	"serviceaccount-controller", "serviceaccount-token-controller", "root-ca-certificate-publisher-controller",
	"namespace-controller", "garbage-collector-controller", "disruption-controller", "horizontal-pod-autoscaler-controller", "resourcequota-controller",
	"clusterrole-aggregation-controller", "validatingadmissionpolicy-status-controller",
}

func (c *Cluster) controllerFlags() []string {
	return []string{
		"--kubeconfig=" + c.file("manager.kubeconfig"),
		"--authentication-kubeconfig=" + c.file("manager.kubeconfig"), "--authorization-kubeconfig=" + c.file("manager.kubeconfig"),
		"--bind-address=127.0.0.1", "--cert-dir=" + c.data,
		"--controllers=" + strings.Join(controllers, ","),
		"--use-service-account-credentials=true", "--service-account-private-key-file=" + c.file("sa.key"), "--root-ca-file=" + c.file("ca.crt"),
		"--leader-elect=false", "--kube-api-qps=1000", "--kube-api-burst=2000",
		// An autoscaler acts within seconds: it looks every second (15 in a
		// cluster), believes a pod from its first second on (5 minutes), and scales
		// down when nothing has asked for more for a second (5 minutes).
		"--horizontal-pod-autoscaler-sync-period=1s", "--horizontal-pod-autoscaler-downscale-stabilization=1s",
		"--horizontal-pod-autoscaler-cpu-initialization-period=1s", "--horizontal-pod-autoscaler-initial-readiness-delay=1s",
		"--profiling=false",
	}
}

// Product is the ServiceAccount of the product's controller, as the API server
// names it.
const Product = "system:serviceaccount:grayscale-system:grayscale-controller"

// auditPolicy logs who did what with which object, without bodies: all that the
// product does, and of the others what is no lease. What the components only
// read is left out: it would drown the rest.
// https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/
const auditPolicy = `
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  users: ["` + Product + `"]
  resources: [{group: coordination.k8s.io}]
- level: None
  resources: [{group: coordination.k8s.io, resources: [leases]}]
- level: None
  nonResourceURLs: ["/healthz*", "/readyz*", "/livez*", "/version", "/openapi/*", "/api", "/api/*", "/apis", "/apis/*"]
- level: None
  verbs: [get, list, watch]
  users: ["` + Node + `", "` + Istiod + `", "` + Observer + `", "` + manager + `", "system:apiserver"]
- level: None
  verbs: [get, list, watch]
  userGroups: ["system:serviceaccounts:kube-system"]
- level: Metadata
`
