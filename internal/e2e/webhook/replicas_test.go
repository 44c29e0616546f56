package webhook

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// replicaPort in the environment makes this program a second replica that
// serves there until its standard input ends.
const replicaPort = "GRAYSCALE_TEST_REPLICA_PORT"

func replica(ctx context.Context, stop func(), listen string) (err error) {
	if port, err = strconv.Atoi(listen); err != nil {
		return err
	}
	ended, err := serve(ctx)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	stop()
	return <-ended
}

// TestEveryReplicaServesTheSameCertificate: the second one does not lead, and
// serves all the same; what one rotates, both serve.
func TestEveryReplicaServesTheSameCertificate(t *testing.T) {
	second := anotherReplica(t)
	first := served(t, port)
	if !bytes.Equal(first, served(t, second)) {
		t.Error("the replicas serve different certificates")
	}
	var s corev1.Secret
	if err := admin().Get(t.Context(), secret, &s); err != nil {
		t.Fatal(err)
	}
	clear(s.Data)
	if err := admin().Update(t.Context(), &s); err != nil {
		t.Fatal(err)
	}
	if err := until(t.Context(), "both serve the same new certificate", func() (bool, error) {
		one, two := served(t, port), served(t, second)
		return bytes.Equal(one, two) && !bytes.Equal(one, first), nil
	}); err != nil {
		t.Error(err)
	}
	if err := answered(t.Context()); err != nil {
		t.Error(err)
	}
}
