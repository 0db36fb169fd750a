package cli

import (
	"io"
	"slices"
	"sync"
	"time"
)

const (
	// maxLogLines is how many lines may wait for the reader of the log.
	maxLogLines = 1024
	// lastLines is how long the end waits until they are read.
	lastLines = time.Second
)

// logLines passes lines on to the reader of the log, and never blocks: a collector that hangs must not
// hang this server. Lines for which there is no room are dropped.
type logLines struct {
	out     io.Writer
	waiting chan logLine
	ending  chan struct{}     // closed by close
	written chan struct{}     // closed when everything is
	onGap   func(lines int64) // called by the goroutine that writes, where lines were dropped

	mu      sync.Mutex
	missing int64 // behind the last line that waits
}

type logLine struct {
	text    []byte
	missing int64 // lines before it
}

// newLogLines returns a writer of lines to out. close ends it.
func newLogLines(out io.Writer, onGap func(lines int64)) *logLines {
	l := &logLines{out: out, waiting: make(chan logLine, maxLogLines), ending: make(chan struct{}), written: make(chan struct{}), onGap: onGap}
	go l.run()
	return l
}

func (l *logLines) run() {
	defer close(l.written)
	for ended := false; ; {
		select {
		case line := <-l.waiting:
			l.write(line)
			continue
		default:
			l.reportGap(l.takeDropped())
		}
		if ended {
			return
		}
		select {
		case line := <-l.waiting:
			l.write(line)
		case <-l.ending:
			ended = true
		}
	}
}

func (l *logLines) write(line logLine) {
	l.reportGap(line.missing)
	_, _ = l.out.Write(line.text) // there is no other place to report an error
}

func (l *logLines) reportGap(lines int64) {
	if lines > 0 {
		l.onGap(lines)
	}
}

// takeDropped returns how many lines are missing at the end, unless another waits by now, which knows.
func (l *logLines) takeDropped() (lines int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) == 0 {
		lines, l.missing = l.missing, 0
	}
	return lines
}

// Write takes a line. It does not fail.
func (l *logLines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case l.waiting <- logLine{slices.Clone(line), l.missing}:
		l.missing = 0
	default:
		l.missing++
	}
	return len(line), nil
}

// close writes what waits, if it is read. What is said later is not.
func (l *logLines) close() {
	close(l.ending)
	select {
	case <-l.written:
	case <-time.After(lastLines):
	}
}
