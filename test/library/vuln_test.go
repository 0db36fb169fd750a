package library

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// .ci/vuln is a failure where it found something, or was told to look and could not.
func TestVuln(t *testing.T) {
	for _, test := range []struct {
		name, answer, required string
		status                 int
		says                   string
	}{
		{"nothing found", "exit 0", "1", 0, ""},
		{"found", "echo 'Vulnerability #1: GO-2026-0001'; exit 3", "", 3, ""},
		{"not reached", "echo 'govulncheck: fetching vulnerabilities: dial tcp: no such host' >&2; exit 1", "", 0, "WARNING: did not look"},
		{"not reached, but required", "echo 'govulncheck: fetching vulnerabilities: dial tcp: no such host' >&2; exit 1", "1", 1, "FAILED: did not look"},
		{"another failure", "echo 'govulncheck: no go.mod file' >&2; exit 1", "", 1, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			folder := t.TempDir() // with a go command that answers so
			require.NoError(t, os.WriteFile(filepath.Join(folder, "go"), []byte("#!/bin/sh\n"+test.answer+"\n"), 0o755))
			look := exec.CommandContext(t.Context(), "../../.ci/vuln", "govulncheck@version")
			look.Env = append(os.Environ(), "PATH="+folder+":"+os.Getenv("PATH"), "VULN_REQUIRED="+test.required)
			output, err := look.CombinedOutput()
			require.Equal(t, test.status, look.ProcessState.ExitCode(), "%v: %s", err, output)
			require.Contains(t, string(output), test.says)
		})
	}
}
