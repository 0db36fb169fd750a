package actors

import (
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// foldTime is how often a line that repeats may be logged.
const foldTime = time.Second

// Fold logs a warning at most once a second however often it comes, and then says how often. What has
// several causes needs one for each, or one hides the others and is counted for them.
// It is safe for concurrent use.
type Fold struct {
	log  *zap.Logger
	text string

	mu     sync.Mutex
	level  zapcore.Level
	fields []zap.Field // of the last one that was held back
	held   int
	armed  bool
}

// NewFold returns a Fold for one line.
func NewFold(log *zap.Logger, text string) *Fold { return &Fold{log: log, text: text} }

// Warn logs the line with these fields, or counts it.
func (f *Fold) Warn(fields ...zap.Field) { f.at(zapcore.WarnLevel, fields) }

func (f *Fold) at(level zapcore.Level, fields []zap.Field) {
	f.mu.Lock()
	f.level = level
	if f.armed {
		f.held++
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
	f.held, f.fields = 0, nil
	f.armed = held > 0
	if f.armed {
		time.AfterFunc(foldTime, f.unfold)
	}
	f.mu.Unlock()
	if held > 0 {
		f.log.Log(level, f.text, append(slices.Clip(fields), zap.Int("times", held))...)
	}
}
