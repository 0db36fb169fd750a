package client

import (
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func FuzzParseCapabilities(f *testing.F) {
	for _, answer := range []string{
		`{"ocs":{"data":{"capabilities":{"notify_push":{"type":["files"],"endpoints":{"websocket":"wss://a/ws","pre_auth":"https://a/p"}}}}}}`,
		`{"ocs":{"data":{"capabilities":[]}}}`,
		`{"ocs":{"data":[]}}`,
		`<html>`,
		``,
	} {
		f.Add([]byte(answer))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		capability, err := parseCapabilities(answer)
		require.Equal(t, err == nil, capability.Endpoints.Websocket != "", "there is an address, or a reason why not")
	})
}

func TestParseRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"":                              0,
		"0":                             0,
		"120":                           2 * time.Minute,
		"-5":                            0,
		"4294967295":                    time.Hour,
		"99999999999999999999":          0,
		"soon":                          0,
		"Sun, 01 Mar 2026 12:00:30 GMT": 30 * time.Second,
		"Sun, 01 Mar 2026 11:00:00 GMT": 0,
		"Sun, 01 Mar 2036 12:00:00 GMT": time.Hour,
	} {
		require.Equal(t, want, parseRetryAfter(value, now), value)
	}
}

func FuzzRefusal(f *testing.F) {
	for _, text := range []string{"err: Invalid credentials", nextcloudErrorPrefix + " timeout", "Bad\r\nGateway", "<p>", "\xff", "30"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		require.Equal(t, text == "authenticated", ParseLogin(text) == nil)
		line := firstLine([]byte(text))
		require.LessOrEqual(t, len(line), maxErrorText)
		require.True(t, utf8.ValidString(line))
		require.NotContains(t, line, "\n")
		wait := parseRetryAfter(text, time.Now())
		require.True(t, 0 <= wait && wait <= maxRetryAfter)
	})
}
