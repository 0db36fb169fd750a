package actors

import (
	"context"
	"log/slog"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// SlogLogger returns a zap.Logger that logs to a handler of log/slog, for Options.Logger and all others here.
func SlogLogger(handler slog.Handler) *zap.Logger { return zap.New(slogCore{handler}) }

// slogCore is a zapcore.Core that hands everything to a slog.Handler.
type slogCore struct{ handler slog.Handler }

func (c slogCore) Enabled(level zapcore.Level) bool {
	return c.handler.Enabled(context.Background(), slogLevel(level))
}

func (c slogCore) With(fields []zapcore.Field) zapcore.Core {
	return slogCore{c.handler.WithAttrs(slogAttrs(fields))}
}

func (c slogCore) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(entry.Level) {
		return checked.AddCore(entry, c)
	}
	return checked
}

func (c slogCore) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	record := slog.NewRecord(entry.Time, slogLevel(entry.Level), entry.Message, entry.Caller.PC)
	if entry.LoggerName != "" {
		record.AddAttrs(slog.String("logger", entry.LoggerName))
	}
	record.AddAttrs(slogAttrs(fields)...)
	return c.handler.Handle(context.Background(), record)
}

func (slogCore) Sync() error { return nil }

// slogLevel returns -4 for debug, 0 for info and so on, and more than an error for what is worse.
func slogLevel(level zapcore.Level) slog.Level {
	return slog.Level(level) * (slog.LevelWarn - slog.LevelInfo)
}

func slogAttrs(fields []zapcore.Field) (attrs []slog.Attr) {
	for _, field := range fields {
		encoded := zapcore.NewMapObjectEncoder()
		field.AddTo(encoded)
		for name, value := range encoded.Fields {
			attrs = append(attrs, slog.Any(name, value))
		}
	}
	return attrs
}
