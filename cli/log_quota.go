package cli

import (
	"io"
	"sync"
	"time"
)

// maxInstanceLines is how many lines an instance may log in a second.
const maxInstanceLines = 1000

// logQuota passes an instance's lines on to the log that all share, so many in a second: its admin sets its log level, and the lines of the
// others must find room. It is safe for concurrent use.
type logQuota struct {
	out       io.Writer
	onDropped func(lines int) // called for each second that had too many, when the next line comes

	mu     sync.Mutex
	second time.Time // when it began
	lines  int       // in it
}

// Write takes a line.
func (q *logQuota) Write(line []byte) (int, error) {
	passes, dropped := q.count(time.Now())
	if dropped > 0 {
		q.onDropped(dropped)
	}
	if !passes {
		return len(line), nil
	}
	return q.out.Write(line)
}

// count counts one line, and returns whether it passes, and how many did not in a second that is over.
func (q *logQuota) count(now time.Time) (passes bool, dropped int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if now.Sub(q.second) >= time.Second {
		dropped = max(q.lines-maxInstanceLines, 0)
		q.second, q.lines = now, 0
	}
	q.lines++
	return q.lines <= maxInstanceLines, dropped
}
