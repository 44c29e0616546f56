package node

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/network"
)

// environment resolves a container's variables, in order, as K=V.
// https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
func (r *runner) environment(ctx context.Context, pod *corev1.Pod, spec *corev1.Container) (map[string]string, error) {
	values := map[string]string{
		"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/", "HOSTNAME": pod.Name,
		"KUBERNETES_SERVICE_HOST": r.node.APIServerHost, "KUBERNETES_SERVICE_PORT": r.node.APIServerPort,
		"KUBERNETES_SERVICE_PORT_HTTPS": r.node.APIServerPort,
	}
	for _, from := range spec.EnvFrom {
		if err := r.importAll(ctx, from, values); err != nil {
			return nil, err
		}
	}
	for _, e := range spec.Env {
		value, found, err := r.variable(ctx, pod, spec, e, values)
		if err != nil {
			return nil, fmt.Errorf("environment variable %s: %w", e.Name, err)
		}
		if found {
			values[e.Name] = value
		}
	}
	return values, nil
}

// importAll adds every entry of a ConfigMap or Secret.
func (r *runner) importAll(ctx context.Context, from corev1.EnvFromSource, values map[string]string) error {
	switch {
	case from.ConfigMapRef != nil:
		data, err := r.configMap(ctx, from.ConfigMapRef.Name, from.ConfigMapRef.Optional)
		if err != nil {
			return err
		}
		for k, v := range data {
			values[from.Prefix+k] = string(v)
		}
	case from.SecretRef != nil:
		data, err := r.secret(ctx, from.SecretRef.Name, from.SecretRef.Optional)
		if err != nil {
			return err
		}
		for k, v := range data {
			values[from.Prefix+k] = string(v)
		}
	}
	return nil
}

func (r *runner) variable(ctx context.Context, pod *corev1.Pod, spec *corev1.Container, e corev1.EnvVar, known map[string]string) (string, bool, error) {
	from := e.ValueFrom
	switch {
	case from == nil:
		return expand(e.Value, known), true, nil
	case from.FieldRef != nil:
		value, err := r.field(pod, from.FieldRef.FieldPath)
		return value, true, err
	case from.ResourceFieldRef != nil:
		value, err := resourceValue(spec, from.ResourceFieldRef)
		return value, true, err
	case from.ConfigMapKeyRef != nil:
		ref := from.ConfigMapKeyRef
		data, err := r.configMap(ctx, ref.Name, ref.Optional)
		value, found := data[ref.Key]
		return string(value), found, err
	case from.SecretKeyRef != nil:
		ref := from.SecretKeyRef
		data, err := r.secret(ctx, ref.Name, ref.Optional)
		value, found := data[ref.Key]
		return string(value), found, err
	}
	return "", false, fmt.Errorf("this kind of valueFrom is not one of fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef")
}

var (
	reference = regexp.MustCompile(`\$\$|\$\([^()]+\)`)
	mapField  = regexp.MustCompile(`^metadata\.(labels|annotations)\['([^']+)'\]$`)
)

// expand replaces $(NAME) where NAME is known; $$ stands for a dollar sign.
func expand(text string, known map[string]string) string {
	return reference.ReplaceAllStringFunc(text, func(ref string) string {
		if ref == "$$" {
			return "$"
		}
		if value, ok := known[strings.TrimSuffix(ref[2:], ")")]; ok {
			return value
		}
		return ref
	})
}

// field is a field of the pod by the downward API's path.
// https://kubernetes.io/docs/concepts/workloads/pods/downward-api/
func (r *runner) field(pod *corev1.Pod, path string) (string, error) {
	fields := map[string]string{
		"metadata.name": pod.Name, "metadata.namespace": pod.Namespace, "metadata.uid": string(pod.UID),
		"spec.nodeName": Name, "spec.serviceAccountName": pod.Spec.ServiceAccountName,
		"status.podIP": r.ip, "status.podIPs": r.ip, "status.hostIP": network.NodeIP, "status.hostIPs": network.NodeIP,
	}
	if value, ok := fields[path]; ok {
		return value, nil
	}
	if m := mapField.FindStringSubmatch(path); m != nil {
		if m[1] == "labels" {
			return pod.Labels[m[2]], nil
		}
		return pod.Annotations[m[2]], nil
	}
	return "", fmt.Errorf("fieldPath %q is not one of the downward API's", path)
}

// resourceValue is a limit or request, rounded up, in units of its divisor.
func resourceValue(spec *corev1.Container, ref *corev1.ResourceFieldSelector) (string, error) {
	kind, name, _ := strings.Cut(ref.Resource, ".")
	list := spec.Resources.Limits
	if kind == "requests" {
		list = spec.Resources.Requests
	}
	quantity, ok := list[corev1.ResourceName(name)]
	if !ok {
		return "", fmt.Errorf("resource %q is not set", ref.Resource)
	}
	divisor := ref.Divisor.MilliValue()
	if divisor == 0 {
		divisor = 1000
	}
	return strconv.FormatInt((quantity.MilliValue()+divisor-1)/divisor, 10), nil
}

func (r *runner) configMap(ctx context.Context, name string, optional *bool) (map[string][]byte, error) {
	object, err := r.node.Client.CoreV1().ConfigMaps(r.namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) && optional != nil && *optional {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading ConfigMap %s/%s: %w", r.namespace, name, err)
	}
	data := map[string][]byte{}
	for k, v := range object.Data {
		data[k] = []byte(v)
	}
	for k, v := range object.BinaryData {
		data[k] = v
	}
	return data, nil
}

func (r *runner) secret(ctx context.Context, name string, optional *bool) (map[string][]byte, error) {
	object, err := r.node.Client.CoreV1().Secrets(r.namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) && optional != nil && *optional {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading Secret %s/%s: %w", r.namespace, name, err)
	}
	return object.Data, nil
}
