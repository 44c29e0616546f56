package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubectl-grayscale/kubectl-grayscale/plugin/view"
)

// FieldManager is the name under which the plugin writes.
const FieldManager = "kubectl-grayscale"

// Env is what all verbs share: streams, the cluster, the clock.
type Env struct {
	genericiooptions.IOStreams
	// Called is how the program was called: "kubectl grayscale".
	Called string
	// Now is the clock.
	Now func() time.Time
	// Connect gives the cluster's client; the default uses the config flags.
	Connect func() (client.WithWatch, error)
	// Logs gives the client that reads pods' logs; nil where none can.
	Logs func() kubernetes.Interface

	flags  *genericclioptions.ConfigFlags
	client client.WithWatch
	// quiet keeps warnings of the API server back while a write is only a probe.
	quiet bool
}

// NewEnv gives the environment of a process.
func NewEnv(called string, streams genericiooptions.IOStreams) *Env {
	e := &Env{IOStreams: streams, Called: called, Now: time.Now, flags: genericclioptions.NewConfigFlags(true)}
	e.Connect, e.Logs = e.connect, e.clientset
	return e
}

// Client gives the client of the cluster, with the user's own rights.
func (e *Env) Client() (client.WithWatch, error) {
	if e.client != nil {
		return e.client, nil
	}
	c, err := e.Connect()
	if err != nil {
		return nil, err
	}
	e.client = c
	return c, nil
}

func (e *Env) config() (*rest.Config, error) {
	// Without this, kubectl's flags fall back to a server on localhost.
	if raw, err := e.flags.ToRawKubeConfigLoader().RawConfig(); err == nil && len(raw.Clusters) == 0 && *e.flags.APIServer == "" {
		return nil, errors.New("no cluster is configured: the kubeconfig is missing or empty (KUBECONFIG, --kubeconfig)")
	}
	config, err := e.flags.ToRESTConfig()
	if err != nil {
		return nil, fmt.Errorf("reading the kubeconfig: %w", err)
	}
	config.QPS, config.Burst = 50, 100
	config.WarningHandlerWithContext = warner{e}
	return config, nil
}

func (e *Env) connect() (client.WithWatch, error) {
	config, err := e.config()
	if err != nil {
		return nil, err
	}
	c, err := client.NewWithWatch(config, client.Options{FieldOwner: FieldManager})
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", config.Host, err)
	}
	return c, nil
}

// clientset gives the client that reads logs, which controller-runtime's can't.
func (e *Env) clientset() kubernetes.Interface {
	config, err := e.config()
	if err != nil {
		return nil
	}
	set, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil
	}
	return set
}

// Namespace is that of -n, else the context's.
func (e *Env) Namespace() (string, error) {
	namespace, _, err := e.flags.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return "", fmt.Errorf("reading the kubeconfig: %w", err)
	}
	return namespace, nil
}

// Say writes chatter: a line on stderr.
func (e *Env) Say(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	// Nothing can be told to anyone when stderr is closed.
	_, _ = fmt.Fprintln(e.ErrOut, line)
}

// Print writes a result: a line on stdout.
func (e *Env) Print(format string, args ...any) error {
	_, err := fmt.Fprintf(e.Out, format+"\n", args...)
	return err
}

// command is a command line as the user would type it for the namespace.
func (e *Env) command(namespace string, words ...string) string {
	line := e.Called + " " + strings.Join(words, " ")
	if own, err := e.Namespace(); err != nil || namespace != own || *e.flags.Namespace != "" {
		line += " -n " + namespace
	}
	return line
}

// terminal says what a stream can show.
func (e *Env) terminal(w io.Writer) view.Terminal { return view.TerminalOf(w, os.Getenv) }

// warner shows the API server's warnings, which are our webhook's too, once each.
type warner struct{ e *Env }

func (w warner) HandleWarningHeaderWithContext(_ context.Context, code int, _ string, text string) {
	if code != 299 || text == "" || w.e.quiet {
		return
	}
	t := w.e.terminal(w.e.ErrOut)
	w.e.Say("%s %s", t.Yellow("Warning:"), writtenAsFlags(text))
}
