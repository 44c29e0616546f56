// Command kubectl-grayscale is the plugin: kubectl grayscale.
package main

import (
	"os"

	"github.com/kubectl-grayscale/kubectl-grayscale/plugin"
)

func main() {
	os.Exit(plugin.Main())
}
