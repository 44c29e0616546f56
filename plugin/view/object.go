package view

import (
	"encoding/json"
	"fmt"
	"io"

	"sigs.k8s.io/yaml"
)

// Object prints a value as json or yaml.
func Object(w io.Writer, format string, value any) error {
	var content []byte
	var err error
	switch format {
	case "json":
		content, err = json.MarshalIndent(value, "", "    ") // as kubectl does
		content = append(content, '\n')
	case "yaml":
		content, err = yaml.Marshal(value)
	default:
		return fmt.Errorf("no such format: %q", format)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", format, err)
	}
	_, err = w.Write(content)
	return err
}
