package supervisor

import (
	"fmt"
	"os"
	"strings"

	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/controlplane"
	"github.com/kubectl-grayscale/kubectl-grayscale/internal/testbed/uses"
)

// writeUses adds the rights that the product used to the file that was asked
// for, if one was.
func (c Config) writeUses() error {
	if c.Uses == "" {
		return nil
	}
	log, err := os.Open(c.path("audit.log"))
	if err != nil {
		return fmt.Errorf("opening the audit log: %w", err)
	}
	defer func() { _ = log.Close() }()
	home := strings.Split(controlplane.Product, ":")[2]
	used, err := uses.Read(log, controlplane.Product, home)
	if err != nil {
		return err
	}
	return uses.Add(c.Uses, used)
}
