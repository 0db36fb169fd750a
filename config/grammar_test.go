package config

import (
	"io/fs"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// parsing is a table of texts and what they mean; bad ones must be refused with their text in the message.
func parsing[T any](t *testing.T, parse func(string) (T, error), good map[string]T, bad ...string) {
	t.Helper()
	for text, want := range good {
		got, err := parse(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range bad {
		_, err := parse(text)
		require.ErrorContains(t, err, text)
	}
}

func TestGrammar(t *testing.T) {
	parsing(t, parseBoolean, map[string]bool{"1": true, "TRUE": true, "yes": true, "on": true, "0": false, "False": false, "NO": false, "off": false}, "", "2", "maybe", "truee")
	parsing(t, parsePort, map[string]uint16{"0": 0, "7867": 7867, "65535": 65535}, "", "-1", "65536", "http", "0x50", "1.5")
	parsing(t, parseCount, map[string]int{"0": 0, "64": 64}, "", "-1", "many", "99999999999")
	parsing(t, parsePositive, map[string]int{"1": 1}, "0", "-1")
	parsing(t, parsePermissions, map[string]fs.FileMode{"660": 0o660, "0660": 0o660, "0o660": 0o660, "0O600": 0o600, "0": 0}, "", "rw", "888", "01777", "-1", "0x1ff")
	parsing(t, parseLogFormat, map[string]string{"console": "console", "JSON": "json"}, "", "xml")
	parsing(t, parseBind, map[string]string{"::": "::", "[::1]": "::1", "0.0.0.0": "0.0.0.0", "fe80::1%eth0": "fe80::1%eth0"}, "", "localhost", "1.2.3")
	parsing(t, parseConnectTo, map[string]string{
		"127.0.0.1:8080": "127.0.0.1:8080", "web:80": "web:80", "[::1]:80": "[::1]:80",
		"/run/nc.sock": "/run/nc.sock", "unix:/run/nc.sock": "/run/nc.sock", "unix:///run/nc.sock": "/run/nc.sock",
	}, "", "web", ":80", "web:http", "web:0", "::1")
	parsing(t, parseDuration, map[string]time.Duration{
		"0": 0, "15": 15 * time.Second, "2.5": 2500 * time.Millisecond, "1m30s": 90 * time.Second, "12h": 12 * time.Hour,
	}, "", "-1", "-1s", "soon", "NaN", "Inf", "1e300", "2000000h")
	parsing(t, parsePrefixes, map[string][]netip.Prefix{
		"10.0.0.0/8, ::1": {netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")},
		"10.1.2.3/8":      {netip.MustParsePrefix("10.0.0.0/8")},
		"":                nil,
	}, "proxy", "10.0.0.0/33")
}

func TestGrammarIgnoresSurroundingSpace(t *testing.T) {
	on, err := parseBoolean(" on\n")
	require.NoError(t, err)
	require.True(t, on)
	port, err := parsePort(" 7867 ")
	require.NoError(t, err)
	require.EqualValues(t, 7867, port)
	half, err := parseDuration("\t12h ")
	require.NoError(t, err)
	require.Equal(t, 12*time.Hour, half)
	level, err := ParseLogLevel(" warn , notify_push = info ")
	require.NoError(t, err)
	require.Equal(t, "warn,notify_push=info", level.String())
}

func TestLogLevel(t *testing.T) {
	parsing(t, ParseLogLevel, map[string]LogLevel{
		"":                                {},
		"warn":                            {Default: LevelWarn},
		"OFF":                             {},
		"Info":                            {Default: LevelInfo},
		"notify_push=debug":               {Targets: map[string]Level{"notify_push": LevelDebug}},
		"warn,notify_push=trace":          {Default: LevelWarn, Targets: map[string]Level{"notify_push": LevelTrace}},
		"notify_push::redis = off , warn": {Default: LevelWarn, Targets: map[string]Level{"notify_push::redis": LevelOff}},
		"notify_push":                     {Targets: map[string]Level{"notify_push": LevelTrace}},
	}, "loud=very", "notify push=info", "=info", "a=b=c", "warn=")

	level, err := ParseLogLevel("warn,notify_push=info,notify_push::redis=trace")
	require.NoError(t, err)
	require.Equal(t, LevelTrace, level.For("notify_push::redis::tls"))
	require.Equal(t, LevelInfo, level.For("notify_push::auth"))
	require.Equal(t, LevelInfo, level.For("notify_push"))
	require.Equal(t, LevelWarn, level.For("notify_pushy"))
}

func FuzzBoolean(f *testing.F) {
	for _, text := range []string{"1", "TRUE", "off", "", "maybe", "\xff"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { _, _ = parseBoolean(text) })
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
