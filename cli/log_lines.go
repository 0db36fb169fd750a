package cli

import (
	"io"
	"slices"
	"sync/atomic"
	"time"
)

const (
	// maxLogLines is how many lines may wait for whoever reads the log.
	maxLogLines = 1024
	// lastLines is how long the end waits until they are read.
	lastLines = time.Second
)

// logLines passes lines on to whoever reads the log, and makes nobody wait who has something to say:
// a collector that hangs must not hang this server. Lines for which there is no room are left out.
type logLines struct {
	out     io.Writer
	waiting chan []byte
	ending  chan struct{} // closed by close
	written chan struct{} // closed when everything is
	missing atomic.Int64
	onGap   func(lines int64) // is called, by the goroutine that writes, behind the line before the gap
}

// newLogLines returns a writer of lines to out. close ends it.
func newLogLines(out io.Writer, onGap func(lines int64)) *logLines {
	l := &logLines{out: out, waiting: make(chan []byte, maxLogLines), ending: make(chan struct{}), written: make(chan struct{}), onGap: onGap}
	go l.run()
	return l
}

func (l *logLines) run() {
	defer close(l.written)
	for {
		select {
		case line := <-l.waiting:
			l.write(line)
			continue
		default:
		}
		select {
		case line := <-l.waiting:
			l.write(line)
		case <-l.ending:
			return
		}
	}
}

func (l *logLines) write(line []byte) {
	_, _ = l.out.Write(line) // if nobody reads it, there is nobody to tell
	if lines := l.missing.Swap(0); lines > 0 {
		l.onGap(lines)
	}
}

// Write takes a line. It does not fail.
func (l *logLines) Write(line []byte) (int, error) {
	select {
	case l.waiting <- slices.Clone(line):
	default:
		l.missing.Add(1)
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
