package node

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// logSource is what a container printed. Read returns what came after a
// position, and the position after that; 0 is the oldest that is kept.
type logSource interface {
	read(from int64) (text string, next int64, err error)
}

// fileLog is the log file of a process.
type fileLog string

func (f fileLog) read(from int64) (string, int64, error) {
	text, err := os.ReadFile(string(f))
	if err != nil {
		return "", from, fmt.Errorf("reading the log: %w", err)
	}
	if from > int64(len(text)) {
		from = 0
	}
	return string(text[from:]), int64(len(text)), nil
}

// ringSize is how many lines a simulated container keeps.
const ringSize = 1000

// ringLog keeps the last lines that a simulated container printed. Positions
// are line numbers.
type ringLog struct {
	mu    sync.Mutex
	lines [ringSize]string
	count int64
}

func newRingLog() *ringLog { return &ringLog{} }

func (l *ringLog) printf(format string, args ...any) {
	line := time.Now().UTC().Format("15:04:05.000 ") + fmt.Sprintf(format, args...) + "\n"
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines[l.count%ringSize] = line
	l.count++
}

func (l *ringLog) read(from int64) (string, int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	from = max(from, l.count-ringSize)
	var b strings.Builder
	for i := from; i < l.count; i++ {
		b.WriteString(l.lines[i%ringSize])
	}
	return b.String(), l.count, nil
}
