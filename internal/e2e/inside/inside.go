// Package inside is what tests need that run inside the testbed: its API server,
// and a namespace of their own.
package inside

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Connect gives a client of the testbed's API server, with all rights. The error
// names every variable beside KUBECONFIG, and every program, that is missing.
func Connect(variables, programs []string) (client.Client, error) {
	ctrl.SetLogger(logr.Discard())
	var missing []string
	for _, name := range append([]string{"KUBECONFIG"}, variables...) {
		if os.Getenv(name) == "" {
			missing = append(missing, name+" is not set")
		}
	}
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, program+" is not in PATH")
		}
	}
	if len(missing) > 0 {
		return nil, errors.New(strings.Join(missing, ", "))
	}
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return nil, err
	}
	config.QPS, config.Burst = 500, 1000
	return client.New(config, client.Options{})
}

// Namespace makes a namespace whose name begins so, which goes when the test ends.
func Namespace(t *testing.T, c client.Client, prefix string) string {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: prefix}}
	if err := c.Create(t.Context(), namespace); err != nil {
		t.Fatalf("making a namespace: %v", err)
	}
	t.Cleanup(func() {
		if err := c.Delete(context.WithoutCancel(t.Context()), namespace); client.IgnoreNotFound(err) != nil {
			t.Errorf("deleting namespace %s: %v", namespace.Name, err)
		}
	})
	return namespace.Name
}
