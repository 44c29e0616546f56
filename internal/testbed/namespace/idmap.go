package namespace

import (
	"fmt"
	"strings"
	"syscall"
)

// parseIdentity reads lines of "first-inside first-outside count", the form
// of /proc/PID/uid_map (user_namespaces(7)), and maps the inside ids to
// themselves.
func parseIdentity(text string) ([]syscall.SysProcIDMap, error) {
	var maps []syscall.SysProcIDMap
	for line := range strings.Lines(text) {
		var inside, outside, count int
		if _, err := fmt.Sscan(line, &inside, &outside, &count); err != nil {
			return nil, fmt.Errorf("id map %q: want three numbers: %w", strings.TrimSpace(line), err)
		}
		maps = append(maps, syscall.SysProcIDMap{ContainerID: inside, HostID: inside, Size: count})
	}
	return maps, nil
}
