package node

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

const (
	// firstProbes is the period until a probe has passed once: a kubelet would
	// wait for its own, and every start with it.
	firstProbes = 100 * time.Millisecond
	// defaultPeriod and defaultThreshold are Kubernetes's.
	defaultPeriod    = 10 * time.Second
	defaultThreshold = 3
)

// watchProbe probes until ctx ends and tells every change of the verdict,
// true at the first success and false after failureThreshold failures in a row.
// https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/
func (r *runner) watchProbe(ctx context.Context, probe *corev1.Probe, spec *corev1.Container, tell func(passed bool)) {
	period := max(time.Duration(probe.PeriodSeconds)*time.Second, 0)
	if period == 0 {
		period = defaultPeriod
	}
	threshold := int(probe.FailureThreshold)
	if threshold == 0 {
		threshold = defaultThreshold
	}
	timer := time.NewTimer(time.Duration(probe.InitialDelaySeconds) * time.Second)
	defer timer.Stop()
	passed, failures, before := false, 0, time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		wait := period
		if err := r.probe(ctx, probe, spec); err == nil {
			failures = 0
			if !passed {
				passed = true
				tell(true)
			}
		} else {
			failures++
			if !passed && time.Since(before) < period*time.Duration(threshold) {
				// Still starting: look often, and do not give up sooner than a kubelet.
				wait, failures = firstProbes, 0
			}
			if failures >= threshold {
				passed, failures, before = false, 0, time.Now()
				tell(false)
			}
		}
		timer.Reset(wait)
	}
}

func (r *runner) probe(ctx context.Context, probe *corev1.Probe, spec *corev1.Container) error {
	timeout := max(time.Duration(probe.TimeoutSeconds)*time.Second, time.Second)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	switch {
	case probe.HTTPGet != nil:
		return r.httpGet(ctx, probe.HTTPGet, spec)
	case probe.TCPSocket != nil:
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(r.ip, port(probe.TCPSocket.Port, spec)))
		if err != nil {
			return err
		}
		return conn.Close()
	}
	return fmt.Errorf("container %s: the probe is neither httpGet nor tcpSocket", spec.Name)
}

// prober does as a kubelet: no proxy, no kept connections, any certificate.
var prober = &http.Client{Transport: &http.Transport{
	DisableKeepAlives: true,
	TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // as a kubelet does
}}

func (r *runner) httpGet(ctx context.Context, get *corev1.HTTPGetAction, spec *corev1.Container) error {
	scheme := "http"
	if get.Scheme == corev1.URISchemeHTTPS {
		scheme = "https"
	}
	host := get.Host
	if host == "" {
		host = r.ip
	}
	url := scheme + "://" + net.JoinHostPort(host, port(get.Port, spec)) + get.Path
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	for _, h := range get.HTTPHeaders {
		req.Header.Add(h.Name, h.Value)
	}
	res, err := prober.Do(req)
	if err != nil {
		return err
	}
	_ = res.Body.Close()
	if res.StatusCode < http.StatusOK || res.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("GET %s: %s", url, res.Status)
	}
	return nil
}

// port resolves a port's name.
func port(p intstr.IntOrString, spec *corev1.Container) string {
	for _, c := range spec.Ports {
		if p.Type == intstr.String && c.Name == p.StrVal {
			return fmt.Sprint(c.ContainerPort)
		}
	}
	return p.String()
}
