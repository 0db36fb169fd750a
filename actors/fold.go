package actors

import (
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// foldTime is how often a line that repeats may be logged.
const foldTime = time.Second

// Fold logs a line at most once a second however often it comes, and then says how often, and how often
// for each of several causes. It is safe for concurrent use.
type Fold struct {
	log  *zap.Logger
	text string
	kind string

	mu     sync.Mutex
	level  zapcore.Level
	fields []zap.Field    // of the last one that was held back
	held   map[string]int // by cause
	armed  bool
}

// NewFold returns a Fold for one line. kind is the name of the field with the cause; empty where there is
// only one. There must not be many causes.
func NewFold(log *zap.Logger, text, kind string) *Fold {
	return &Fold{log: log, text: text, kind: kind}
}

// Warn logs the line with its cause and these fields, or counts it.
func (f *Fold) Warn(cause string, fields ...zap.Field) { f.at(zapcore.WarnLevel, cause, fields) }

func (f *Fold) at(level zapcore.Level, cause string, fields []zap.Field) {
	if f.kind != "" {
		fields = append(fields, zap.String(f.kind, cause))
	}
	f.mu.Lock()
	f.level = level
	if f.armed {
		if f.held == nil {
			f.held = map[string]int{}
		}
		f.held[cause]++
		f.fields = fields
		f.mu.Unlock()
		return
	}
	f.armed = true
	time.AfterFunc(foldTime, f.unfold)
	f.mu.Unlock()
	f.log.Log(level, f.text, fields...)
}

func (f *Fold) unfold() {
	f.mu.Lock()
	held, fields, level := f.held, f.fields, f.level
	f.held, f.fields = nil, nil
	f.armed = len(held) > 0
	if f.armed {
		time.AfterFunc(foldTime, f.unfold)
	}
	f.mu.Unlock()
	if len(held) == 0 {
		return
	}
	times := 0
	for _, n := range held {
		times += n
	}
	fields = append(fields, zap.Int("times", times))
	if len(held) > 1 {
		fields = append(fields, zap.Any(f.kind+"s", held))
	}
	f.log.Log(level, f.text, fields...)
}
