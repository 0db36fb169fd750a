// Package logthrottle keeps a log line that repeats from flooding the log.
package logthrottle

import (
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Line logs one line at most once an interval however often it comes, and then says how often it came, and
// how often for each of several causes. It is safe for concurrent use. It needs no close: a timer runs only
// while lines are held back.
type Line struct {
	log      *zap.Logger
	text     string
	kind     string
	interval time.Duration

	mu     sync.Mutex
	level  zapcore.Level
	fields []zap.Field    // of the last one that was held back
	held   map[string]int // by cause
	armed  bool
}

// New returns a throttle for one line. kind is the name of the field with the cause; empty where there is
// only one. There must not be many causes.
func New(log *zap.Logger, interval time.Duration, text, kind string) *Line {
	return &Line{log: log, interval: interval, text: text, kind: kind}
}

// Warn logs the line with its cause and these fields, or counts it.
func (l *Line) Warn(cause string, fields ...zap.Field) { l.Log(zapcore.WarnLevel, cause, fields...) }

// Log is Warn at another level.
func (l *Line) Log(level zapcore.Level, cause string, fields ...zap.Field) {
	if l.kind != "" {
		fields = append(fields, zap.String(l.kind, cause))
	}
	l.mu.Lock()
	l.level = level
	if l.armed {
		if l.held == nil {
			l.held = map[string]int{}
		}
		l.held[cause]++
		l.fields = fields
		l.mu.Unlock()
		return
	}
	l.armed = true
	time.AfterFunc(l.interval, l.flush)
	l.mu.Unlock()
	l.log.Log(level, l.text, fields...)
}

func (l *Line) flush() {
	l.mu.Lock()
	held, fields, level := l.held, l.fields, l.level
	l.held, l.fields = nil, nil
	l.armed = len(held) > 0
	if l.armed {
		time.AfterFunc(l.interval, l.flush)
	}
	l.mu.Unlock()
	if len(held) == 0 {
		return
	}
	times := 0
	for _, n := range held {
		times += n
	}
	fields = append(fields, zap.Int("times", times))
	if len(held) > 1 {
		fields = append(fields, zap.Any(l.kind+"s", held))
	}
	l.log.Log(level, l.text, fields...)
}
