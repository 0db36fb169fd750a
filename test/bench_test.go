package test

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/loadtest/report"
)

// BenchmarkTarget measures this server as a process, with real sockets and thousands of clients, and reports each figure for which
// docs/performance.md has a target. One run of a scenario takes 10 to 90 s.
func BenchmarkTarget(b *testing.B) {
	path, err := builtBinary()
	require.NoError(b, err)
	for _, scenario := range report.TargetScenarios() {
		b.Run(scenario, func(b *testing.B) {
			for b.Loop() {
				run := exec.Command(path, "loadtest", scenario, "--json")
				run.Stderr = os.Stderr
				text, err := run.Output()
				require.NoError(b, err)
				var result report.Report
				require.NoError(b, json.Unmarshal(text, &result))
				for _, row := range result.Table() {
					b.ReportMetric(row.Measured, metricName(row.What+" "+row.Unit))
				}
			}
			b.ReportMetric(0, "ns/op") // means nothing here, so it isn't shown
		})
	}
}

// metricName leaves out what a benchmark's unit cannot hold.
func metricName(text string) string {
	return strings.Trim(regexp.MustCompile(`[^\pL\pN%/×]+`).ReplaceAllString(text, "_"), "_")
}
