package config

import (
	"testing"

	"github.com/notifypush/notifypush/internal/testkit"
	"github.com/stretchr/testify/require"
)

func TestLogLevel(t *testing.T) {
	testkit.RequireParses(t, ParseLogLevel, map[string]LogLevel{
		"":                                {},
		"warn":                            {Default: LevelWarn},
		"OFF":                             {},
		"Info":                            {Default: LevelInfo},
		"notify_push=debug":               {Targets: map[string]Level{"notify_push": LevelDebug}},
		"warn,notify_push=trace":          {Default: LevelWarn, Targets: map[string]Level{"notify_push": LevelTrace}},
		"notify_push::redis = off , warn": {Default: LevelWarn, Targets: map[string]Level{"notify_push::redis": LevelOff}},
		"notify_push":                     {Targets: map[string]Level{"notify_push": LevelTrace}},
	}, "warning", "err", "fatal", "verbose", "2", "my_module", "loud=very", "notify push=info", "=info", "a=b=c", "warn=")

	for text, suggestion := range map[string]string{
		"warning": "did you mean warn?", "FATAL": "did you mean error?", "2": "did you mean warn?", "debug,notify_push=verbose": "did you mean debug?",
	} {
		_, err := ParseLogLevel(text)
		require.ErrorContains(t, err, suggestion)
	}

	level, err := ParseLogLevel("warn,notify_push=info,notify_push::redis=trace")
	require.NoError(t, err)
	require.Equal(t, LevelTrace, level.For("notify_push::redis::tls"))
	require.Equal(t, LevelInfo, level.For("notify_push::auth"))
	require.Equal(t, LevelInfo, level.For("notify_push"))
	require.Equal(t, LevelWarn, level.For("notify_pushy"))
}

// What a level prints is the same level.
func FuzzLogLevel(f *testing.F) {
	for _, text := range []string{"warn", "notify_push=debug", "warn,a::b=off", "x", ",,", "=", "\xff=info"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		level, err := ParseLogLevel(text)
		if err != nil {
			return
		}
		again, err := ParseLogLevel(level.String())
		require.NoError(t, err)
		require.Equal(t, level, again)
	})
}
