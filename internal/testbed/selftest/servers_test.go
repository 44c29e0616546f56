package selftest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// testTwoServers runs TestTwoServers in a testbed with two API servers.
func testTwoServers(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "run", "--bare", "--api-servers=2", "--",
		self, "-test.run=TestTwoServers", "-test.v", "-test.timeout=2m")
	cmd.Env = append(os.Environ(), insideVariable+"=1")
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	if err := cmd.Run(); err != nil {
		t.Errorf("testbed run --api-servers=2: %v", err)
	}
}

// TestTwoServers: two API servers are one cluster. What one stores the other
// has, tokens of one are good at the other, of two writes of one version one
// wins, and both write one audit log.
func TestTwoServers(t *testing.T) {
	if !inside() || os.Getenv("KUBECONFIG_2") == "" {
		return
	}
	servers := []*kubernetes.Clientset{server(t, "KUBECONFIG", ""), server(t, "KUBECONFIG_2", "")}
	made, err := servers[0].CoreV1().ConfigMaps("default").Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "shared"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	const rounds = 20
	for round := range rounds {
		var errs [2]error
		var next [2]*corev1.ConfigMap
		var both sync.WaitGroup
		for n := range servers {
			both.Go(func() {
				mine := made.DeepCopy()
				mine.Data = map[string]string{"writer": fmt.Sprintf("%d in round %d", n, round)}
				next[n], errs[n] = servers[n].CoreV1().ConfigMaps("default").Update(t.Context(), mine, metav1.UpdateOptions{})
			})
		}
		both.Wait()
		switch {
		case errs[0] == nil && apierrors.IsConflict(errs[1]):
			made = next[0]
		case errs[1] == nil && apierrors.IsConflict(errs[0]):
			made = next[1]
		default:
			t.Fatalf("round %d: two writes of one version: %v and %v, want one to win", round, errs[0], errs[1])
		}
	}
	tokens(t, servers[0])
	eventually(t, 10*time.Second, "the audit log has both servers' writes, each whole", func(context.Context) bool {
		return audited(t, "shared") == 1+2*rounds
	})
}

// tokens tries a token of one server at the other.
func tokens(t *testing.T, one *kubernetes.Clientset) {
	t.Helper()
	request, err := one.CoreV1().ServiceAccounts("default").CreateToken(t.Context(), "default", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	who, err := server(t, "KUBECONFIG_2", request.Status.Token).AuthenticationV1().SelfSubjectReviews().
		Create(t.Context(), &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil || who.Status.UserInfo.Username != "system:serviceaccount:default:default" {
		t.Errorf("the second server takes the token for %+v, %v", who, err)
	}
}

// server is a client of the API server that a variable's kubeconfig names, with
// a token if there is one.
func server(t *testing.T, variable, token string) *kubernetes.Clientset {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv(variable))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		config.BearerToken = token
		config.CertData, config.KeyData = nil, nil
	}
	config.QPS = -1
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// audited counts the audit log's events about writes of a ConfigMap.
func audited(t *testing.T, name string) (count int) {
	t.Helper()
	file, err := os.Open(os.Getenv("AUDIT_LOG"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e struct {
			ObjectRef struct{ Resource, Name string }
		}
		if json.Unmarshal(lines.Bytes(), &e) == nil && e.ObjectRef.Resource == "configmaps" && e.ObjectRef.Name == name {
			count++
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return count
}
