package mesh

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/network"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/process"
)

// proxy is what tells the two Envoys apart.
type proxy struct {
	// name is the program's in logs, pod and namespace are the node's in xDS.
	name, kind, pod, namespace, account, ip string
	labels                                  map[string]string
	admin                                   string
	// istiod is its address as this proxy sees it.
	istiod string
	baseID int
}

var (
	gateway = proxy{
		name: "envoy-gateway", kind: "router", pod: "istio-ingressgateway", namespace: Namespace, account: "istio-ingressgateway-service-account", ip: network.GatewayIP,
		labels: map[string]string{"istio": "ingressgateway", "app": "istio-ingressgateway"},
		admin:  GatewayAdminAddress, istiod: network.NodeIP, baseID: 1,
	}
	sidecar = proxy{
		name: "envoy-sidecar", kind: "sidecar", pod: "client", namespace: "default", account: "default", ip: network.SidecarIP,
		labels: map[string]string{"app": "client"},
		admin:  SidecarAdminAddress, istiod: "127.0.0.1", baseID: 0,
	}
)

// StartProxies starts both Envoys and returns when they have had their
// configuration from istiod.
func (m *Mesh) StartProxies(ctx context.Context) error {
	var g, s *process.Process
	err := network.InGateway(func() (err error) {
		g, err = m.startEnvoy(gateway)
		return err
	})
	if err != nil {
		return err
	}
	if s, err = m.startEnvoy(sidecar); err != nil {
		return err
	}
	client := &http.Client{Timeout: time.Second}
	return errors.Join(
		s.Ready(ctx, process.HTTPProbe(client, "http://"+SidecarAdminAddress+"/ready")),
		g.Ready(ctx, process.HTTPProbe(client, "http://"+GatewayAdminAddress+"/ready")))
}

func (m *Mesh) startEnvoy(p proxy) (*process.Process, error) {
	port := xdsPort
	if p.name == sidecar.name {
		port = m.sidecarXDSPort
	}
	text, err := bootstrap(p, tcp(p.istiod, port), m.secrets)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(m.data, p.name+".json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return nil, fmt.Errorf("writing the bootstrap of %s: %w", p.name, err)
	}
	// One worker each: two Envoys and all the rest share few cores.
	return m.start(p.name, m.programs.Envoy, nil, "-c", path, "--base-id", strconv.Itoa(p.baseID), "--concurrency", "1",
		"--log-level", "warning", "--drain-time-s", "5", "--parent-shutdown-time-s", "6")
}

type object = map[string]any

// bootstrap is Envoy's first configuration: who it is, where istiod is, and
// the socket of its certificates.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/bootstrap/v3/bootstrap.proto
func bootstrap(p proxy, istiod object, secrets string) ([]byte, error) {
	host, port, err := net.SplitHostPort(p.admin)
	if err != nil {
		return nil, fmt.Errorf("admin address of %s: %w", p.name, err)
	}
	adminPort, err := strconv.Atoi(port)
	if err != nil {
		return nil, fmt.Errorf("admin address of %s: %w", p.name, err)
	}
	ads := object{"ads": object{}, "initial_fetch_timeout": "0s", "resource_api_version": "V3"}
	text, err := json.MarshalIndent(object{
		"node":  node(p),
		"admin": object{"address": tcp(host, adminPort)},
		"dynamic_resources": object{
			"lds_config": ads, "cds_config": ads,
			"ads_config": object{
				"api_type": "DELTA_GRPC", "transport_api_version": "V3", "set_node_on_first_message_only": true,
				"grpc_services": []object{{"envoy_grpc": object{"cluster_name": "xds-grpc"}}},
			},
		},
		"static_resources": object{"clusters": []object{
			grpcCluster("xds-grpc", istiod), grpcCluster("sds-grpc", object{"pipe": object{"path": secrets}}),
		}},
		// The sidecar's own connections are known by where they come from: they
		// are not redirected to it again.
		"cluster_manager": object{"upstream_bind_config": object{"source_address": object{"address": p.ip, "port_value": 0}}},
		"layered_runtime": object{"layers": []object{{"name": "global config", "static_layer": runtimeFlags}, {"name": "admin", "admin_layer": object{}}}},
	}, "", " ")
	if err != nil {
		return nil, fmt.Errorf("bootstrap of %s: %w", p.name, err)
	}
	return text, nil
}

// runtimeFlags are Istio's own: without them Envoy refuses routes that it takes
// in every mesh, such as long regular expressions.
// https://github.com/istio/istio/blob/master/pkg/bootstrap/config.go
var runtimeFlags = object{
	"re2.max_program_size.error_level": "32768",
	"envoy.deprecated_features:envoy.config.listener.v3.Listener.hidden_envoy_deprecated_use_original_dst": true,
	"envoy.reloadable_features.http_reject_path_with_fragment":                                             false,
	"envoy.reloadable_features.fixed_heap_use_allocated":                                                   true,
	"envoy.reloadable_features.coalesce_lb_rebuilds_on_batch_update":                                       false,
}

func node(p proxy) object {
	domain := p.namespace + ".svc.cluster.local"
	return object{
		"id":      p.kind + "~" + p.ip + "~" + p.pod + "." + p.namespace + "~" + domain,
		"cluster": p.pod + "." + p.namespace,
		"metadata": object{
			"CLUSTER_ID": "Kubernetes", "NAMESPACE": p.namespace, "NAME": p.pod, "ISTIO_VERSION": "1.31.0",
			"MESH_ID": "cluster.local", "LABELS": p.labels, "INSTANCE_IPS": p.ip, "SERVICE_ACCOUNT": p.account,
		},
	}
}

// grpcCluster is a static cluster of one HTTP/2 endpoint; istiod's
// configuration counts on these names.
func grpcCluster(name string, address object) object {
	endpoint := object{"endpoint": object{"address": address}}
	return object{
		"name": name, "type": "STATIC", "connect_timeout": "1s",
		"load_assignment": object{"cluster_name": name, "endpoints": []object{{"lb_endpoints": []object{endpoint}}}},
		"typed_extension_protocol_options": object{
			"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": object{
				"@type":                "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
				"explicit_http_config": object{"http2_protocol_options": object{}},
			},
		},
	}
}

func tcp(host string, port int) object {
	return object{"socket_address": object{"address": host, "port_value": port}}
}
