package supervisor

import (
	"fmt"
	"io"
	"strings"
)

// explain prints how to use a testbed from another terminal.
func (t *testbed) explain(out io.Writer) {
	var b strings.Builder
	b.WriteString("The testbed is up. In another terminal:\n\n")
	for _, e := range t.config.environment() {
		fmt.Fprintf(&b, "  export %s=%s\n", e[0], e[1])
	}
	fmt.Fprintf(&b, "  export PATH=%s:$PATH\n\n", t.config.searchPath())
	b.WriteString(`  kubectl get pods -A
  curl -H 'Host: HOST' $GATEWAY_URL/           # through the gateway: a Gateway's host
  curl -x $MESH_PROXY http://SERVICE.NAMESPACE/  # through the client's sidecar

Ctrl-C ends it, and nothing stays.
`)
	// Whoever closed stdout does not want to read it.
	_, _ = io.WriteString(out, b.String())
}
