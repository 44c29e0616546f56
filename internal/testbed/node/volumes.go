package node

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/rootfs"
)

// tokenValidFor is longer than any testbed runs, so tokens need no renewal.
const tokenValidFor = 7 * 24 * time.Hour

// mounts makes the volumes that a container mounts, below the pod's data.
func (r *runner) mounts(ctx context.Context, pod *corev1.Pod, spec *corev1.Container) ([]rootfs.Mount, error) {
	var mounts []rootfs.Mount
	for _, m := range spec.VolumeMounts {
		var volume *corev1.Volume
		for i := range pod.Spec.Volumes {
			if pod.Spec.Volumes[i].Name == m.Name {
				volume = &pod.Spec.Volumes[i]
			}
		}
		if volume == nil {
			return nil, fmt.Errorf("volume %q is mounted but not declared", m.Name)
		}
		dir, err := r.volume(ctx, pod, volume)
		if err != nil {
			return nil, fmt.Errorf("volume %q: %w", m.Name, err)
		}
		mounts = append(mounts, rootfs.Mount{From: filepath.Join(dir, m.SubPath), To: m.MountPath, ReadOnly: m.ReadOnly})
	}
	return mounts, nil
}

// volume returns the folder of a volume, filled.
func (r *runner) volume(ctx context.Context, pod *corev1.Pod, v *corev1.Volume) (string, error) {
	dir := filepath.Join(r.node.podData(pod.UID), "volumes", v.Name)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", err
	}
	files, err := r.contents(ctx, pod, v)
	if err != nil {
		return "", err
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return "", err
		}
	}
	return dir, nil
}

func (r *runner) contents(ctx context.Context, pod *corev1.Pod, v *corev1.Volume) (map[string][]byte, error) {
	switch {
	case v.EmptyDir != nil:
		return nil, nil
	case v.Secret != nil:
		data, err := r.secret(ctx, v.Secret.SecretName, v.Secret.Optional)
		return pick(data, v.Secret.Items), err
	case v.ConfigMap != nil:
		data, err := r.configMap(ctx, v.ConfigMap.Name, v.ConfigMap.Optional)
		return pick(data, v.ConfigMap.Items), err
	case v.DownwardAPI != nil:
		return r.downward(pod, v.DownwardAPI.Items)
	case v.Projected != nil:
		return r.projected(ctx, pod, v.Projected.Sources)
	}
	return nil, fmt.Errorf("its type is not one of emptyDir, secret, configMap, downwardAPI, projected")
}

// projected merges several sources; the ServiceAccount's token, the cluster's
// CA and the namespace come this way.
// https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#bound-service-account-token-volume
func (r *runner) projected(ctx context.Context, pod *corev1.Pod, sources []corev1.VolumeProjection) (map[string][]byte, error) {
	all := map[string][]byte{}
	for _, s := range sources {
		files, err := r.projection(ctx, pod, s)
		if err != nil {
			return nil, err
		}
		for name, text := range files {
			all[name] = text
		}
	}
	return all, nil
}

func (r *runner) projection(ctx context.Context, pod *corev1.Pod, s corev1.VolumeProjection) (map[string][]byte, error) {
	switch {
	case s.ServiceAccountToken != nil:
		token, err := r.token(ctx, pod, s.ServiceAccountToken.Audience)
		return map[string][]byte{s.ServiceAccountToken.Path: token}, err
	case s.ConfigMap != nil:
		data, err := r.configMap(ctx, s.ConfigMap.Name, s.ConfigMap.Optional)
		return pick(data, s.ConfigMap.Items), err
	case s.Secret != nil:
		data, err := r.secret(ctx, s.Secret.Name, s.Secret.Optional)
		return pick(data, s.Secret.Items), err
	case s.DownwardAPI != nil:
		return r.downward(pod, s.DownwardAPI.Items)
	}
	return nil, fmt.Errorf("a projected source is not one of serviceAccountToken, configMap, secret, downwardAPI")
}

func (r *runner) token(ctx context.Context, pod *corev1.Pod, audience string) ([]byte, error) {
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		ExpirationSeconds: new(int64(tokenValidFor.Seconds())),
		BoundObjectRef:    &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: pod.Name, UID: pod.UID},
	}}
	if audience != "" {
		request.Spec.Audiences = []string{audience}
	}
	account := pod.Spec.ServiceAccountName
	answer, err := r.node.Client.CoreV1().ServiceAccounts(r.namespace).CreateToken(ctx, account, request, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("token of ServiceAccount %s/%s: %w", r.namespace, account, err)
	}
	return []byte(answer.Status.Token), nil
}

func (r *runner) downward(pod *corev1.Pod, items []corev1.DownwardAPIVolumeFile) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, item := range items {
		if item.FieldRef == nil {
			return nil, fmt.Errorf("downwardAPI file %q: want a fieldRef", item.Path)
		}
		value, err := r.field(pod, item.FieldRef.FieldPath)
		if err != nil {
			return nil, err
		}
		files[item.Path] = []byte(value)
	}
	return files, nil
}

// pick renames and selects keys; no items means all.
func pick(data map[string][]byte, items []corev1.KeyToPath) map[string][]byte {
	if len(items) == 0 {
		return data
	}
	picked := map[string][]byte{}
	for _, item := range items {
		if text, ok := data[item.Key]; ok {
			picked[item.Path] = text
		}
	}
	return picked
}
