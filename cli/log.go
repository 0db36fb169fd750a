package cli

import (
	"io"
	"sync"

	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/internal/errtext"
	"go.uber.org/zap"
	"go.uber.org/zap/buffer"
	"go.uber.org/zap/zapcore"
)

// maxLogLevels bounds the stack of levels: a script that never restores must not fill the memory.
const maxLogLevels = 64

// logging is the daemon's log, the level of which can be changed and changed back while it runs.
type logging struct {
	*zap.Logger
	level zap.AtomicLevel

	mu     sync.Mutex
	before []zapcore.Level // what RestoreLogLevel goes back to
}

// newLogging returns a log that writes lines to out, as text or as JSON.
func newLogging(out io.Writer, options config.LogOptions) *logging {
	encoding := zap.NewProductionEncoderConfig()
	encoding.EncodeTime = zapcore.ISO8601TimeEncoder
	encoding.EncodeDuration = zapcore.StringDurationEncoder
	encoder := zapcore.NewJSONEncoder(encoding)
	if options.Format != "json" {
		encoding.EncodeLevel = zapcore.CapitalColorLevelEncoder
		if options.NoANSI {
			encoding.EncodeLevel = zapcore.CapitalLevelEncoder
		}
		encoder = zapcore.NewConsoleEncoder(encoding)
	}
	encoder = printableEncoder{encoder}
	level := zap.NewAtomicLevelAt(zapLevel(options.Level))
	return &logging{
		Logger: zap.New(zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(out)), level)),
		level:  level,
	}
}

// SetLogLevel takes another level until RestoreLogLevel goes back.
func (l *logging) SetLogLevel(spec string) error {
	parsed, err := config.ParseLogLevel(spec)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.before) < maxLogLevels {
		l.before = append(l.before, l.level.Level())
	}
	l.level.SetLevel(zapLevel(parsed))
	return nil
}

// configure takes the level of a configuration, and forgets those before.
func (l *logging) configure(spec config.LogLevel) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.before = nil
	l.level.SetLevel(zapLevel(spec))
}

// name is that of the level of now.
func (l *logging) name() string {
	if level := l.level.Level(); level != zapcore.InvalidLevel {
		return level.String()
	}
	return config.LevelOff.String()
}

// RestoreLogLevel goes back to the level before the last SetLogLevel, if there was one.
func (l *logging) RestoreLogLevel() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.before); n > 0 {
		l.level.SetLevel(l.before[n-1])
		l.before = l.before[:n-1]
	}
}

// zapLevel is what a specification means for us; we have nothing below debug.
func zapLevel(spec config.LogLevel) zapcore.Level {
	switch spec.For(config.LogTarget) {
	case config.LevelOff:
		return zapcore.InvalidLevel
	case config.LevelError:
		return zapcore.ErrorLevel
	case config.LevelWarn:
		return zapcore.WarnLevel
	case config.LevelInfo:
		return zapcore.InfoLevel
	default:
		return zapcore.DebugLevel
	}
}

// printableEncoder keeps what came from outside from steering the terminal on which a log is read.
type printableEncoder struct{ zapcore.Encoder }

func (e printableEncoder) Clone() zapcore.Encoder { return printableEncoder{e.Encoder.Clone()} }

// EncodeEntry encodes a line. Text of others is in fields, which are JSON.
func (e printableEncoder) EncodeEntry(entry zapcore.Entry, fields []zapcore.Field) (*buffer.Buffer, error) {
	entry.Message = errtext.Printable(entry.Message)
	line, err := e.Encoder.EncodeEntry(entry, fields)
	if err != nil {
		return line, err
	}
	if escaped := errtext.PrintableJSON(line.Bytes()); len(escaped) != line.Len() {
		line.Reset()
		line.AppendBytes(escaped)
	}
	return line, nil
}
