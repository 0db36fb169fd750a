package cli

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/cli/doctor"
)

func TestDoctorPrints(t *testing.T) {
	bad := doctor.Finding{Step: "handshake", Status: doctor.Red, Detail: "a\x1b[2Jb", Advice: "Do this.", Lines: []string{"nginx: x;"}}
	colour := func(s status) string { return "<" + string(s) + ">" }

	var out, terminal bytes.Buffer
	printer := &doctorPrinter{out: &out, terminal: &terminal, paint: colour}
	printer.progress("opening a websocket")
	require.Equal(t, eraseLine+"opening a websocket …", terminal.String())
	printer.report(bad)
	require.True(t, strings.HasSuffix(terminal.String(), eraseLine), "the line of progress makes room")
	require.Equal(t, exitProbeFailed, printer.summary())
	require.Equal(t, "<red>  handshake: a\\x1b[2Jb\n        Do this.\n            nginx: x;\n\nPush does not work as it should: fix the red items.\n", out.String())

	for _, test := range []struct {
		statuses []doctor.Status
		err      error
		says     string
	}{
		{nil, exitProbeFailed, "Nothing was found out."},
		{[]doctor.Status{doctor.Green}, nil, "Clients get through."},
		{[]doctor.Status{doctor.Green, doctor.Yellow}, nil, "The yellow items deserve a look."},
		{[]doctor.Status{doctor.Red, doctor.Green}, exitProbeFailed, "fix the red items"},
	} {
		var out bytes.Buffer
		printer := &doctorPrinter{out: &out, paint: colour}
		for _, status := range test.statuses {
			printer.report(doctor.Finding{Step: "x", Status: status})
		}
		require.Equal(t, test.err, printer.summary())
		require.Contains(t, out.String(), test.says)
	}

	out.Reset()
	printer = &doctorPrinter{out: &out, paint: colour}
	printer.report(doctor.Finding{Step: "push", Status: doctor.Green})
	require.NoError(t, printer.summary())
	require.Contains(t, out.String(), "Push works.")

	out.Reset()
	printer = &doctorPrinter{out: &out, json: true}
	printer.report(bad)
	require.Equal(t, exitProbeFailed, printer.summary())
	var got doctor.Finding
	require.NoError(t, json.Unmarshal(out.Bytes(), &got))
	require.Equal(t, bad, got)
}

// TestDoctorHeadsItsReport wants what a bug report needs, and no password.
func TestDoctorHeadsItsReport(t *testing.T) {
	got := command(t.Context(), "", "doctor", "https://alice:secret@127.0.0.1:1", "alice", "secret", "--quick")
	require.Equal(t, 1, got.status)
	require.Regexp(t, `^notify_push doctor \S+, \w+/\w+\n`, got.stdout)
	require.Contains(t, got.stdout, "nothing answers at port 1 of 127.0.0.1 (connect: connection refused)")
	require.NotContains(t, got.stdout+got.stderr, "secret")
}
