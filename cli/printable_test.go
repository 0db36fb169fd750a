package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/notifypush/notifypush/cli/doctor"
	"github.com/notifypush/notifypush/client"
	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/config/php"
	"github.com/notifypush/notifypush/transport"
	"github.com/notifypush/notifypush/transport/monitor"
)

// What came from outside does not steer the terminal on which the log is read, in either format, and means the same as before.
func TestLogIsPrintable(t *testing.T) {
	const hostile = "a\u009b2Jb\x7fc\u202ed\x1b[31me\nf\u2028g müller"
	for _, format := range []string{"console", "json"} {
		for _, noANSI := range []bool{true, false} {
			var out bytes.Buffer
			level, err := config.ParseLogLevel("info")
			require.NoError(t, err)
			log := newLogging(&out, config.LogOptions{Level: level, Format: format, NoANSI: noANSI})
			log.With(zap.String("user", hostile)).Error("login "+hostile, zap.String("path", hostile), zap.Error(errors.New(hostile)), zap.Strings("all", []string{hostile}),
				zap.Any("map", map[string]int{hostile: 1}), zap.ByteString("bytes", []byte(hostile)))
			line, rest, _ := strings.Cut(out.String(), "\n")
			require.Empty(t, rest, "one line")
			colours := strings.NewReplacer("\x1b[31m", "", "\x1b[0m", "", "\t", "").Replace(line)
			require.False(t, strings.ContainsFunc(colours, func(r rune) bool { return !unicode.IsPrint(r) }), "%q", line)
			var fields struct{ User, Path, Error string }
			_, object, _ := strings.Cut(line, "{")
			require.NoError(t, json.Unmarshal([]byte("{"+object), &fields))
			require.Equal(t, []string{hostile, hostile, hostile}, []string{fields.User, fields.Path, fields.Error})
		}
	}
}

// So do commands.
func TestCommandsPrintNothingThatSteersATerminal(t *testing.T) {
	const hostile = "a\u009b2Jb\x7fc\u202ed\x1b[31me\nf\u2028g"
	now := time.Now()
	var out bytes.Buffer
	printStatus(&out, monitor.StatusReply{Version: hostile, AppVersion: hostile, LogLevel: hostile, Problems: []monitor.Problem{{Name: hostile, Reason: hostile}}, Dependencies: []monitor.Dependency{{Name: hostile}},
		Servers: []monitor.Server{{Name: hostile, Version: hostile}}})
	printClients(&out, monitor.ClientsReply{Clients: []monitor.Client{{User: hostile, Address: hostile, Program: hostile, Since: now}}, Throttled: []transport.Throttled{{Address: hostile}}}, now)
	printFinding(&out, finding{Name: "name", Detail: onOneLine(hostile), Advice: onOneLine(hostile)}, painter(&out, true))
	printRemarks(&out, config.Report{Warnings: []string{hostile}, Errors: []string{hostile}, Unknown: []php.Unknown{{Key: hostile, File: hostile, Reason: hostile}}})
	printSettings(&out, map[string]config.Setting{"bind": {Value: hostile, Source: hostile}})
	for _, asJSON := range []bool{true, false} {
		printer := &doctorPrinter{out: &out, paint: painter(&out, true), json: asJSON}
		printer.report(doctor.Finding{Step: "step", Detail: hostile, Advice: hostile, Lines: []string{hostile}})
		listen := listenCommand{JSON: asJSON}
		require.NoError(t, listen.print(&out, client.Push{Kind: client.Custom, Message: hostile, At: now}))
	}
	require.False(t, strings.ContainsFunc(out.String(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }), "%q", out.String())

	require.NotZero(t, Main([]string{"check", "x", "redis://:secret@" + hostile}, strings.NewReader(""), &out, &out))
	require.NotContains(t, out.String(), "secret")
	require.False(t, strings.ContainsFunc(out.String(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }), "%q", out.String())
}
