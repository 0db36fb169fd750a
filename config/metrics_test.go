package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Metrics are for this machine alone, unless somebody says otherwise.
func TestMetricsBind(t *testing.T) {
	for _, test := range []struct {
		variables    map[string]string
		want, source string
	}{
		{nil, "127.0.0.1", "default"},
		{map[string]string{"BIND": "0.0.0.0"}, "127.0.0.1", "default"},
		{map[string]string{"BIND": "::"}, "127.0.0.1", "default"},
		{map[string]string{"BIND": "10.1.2.3"}, "10.1.2.3", "env BIND"},
		{map[string]string{"BIND": "10.1.2.3", "METRICS_BIND": "::1"}, "::1", "env METRICS_BIND"},
		{map[string]string{"METRICS_BIND": "::"}, "::", "env METRICS_BIND"},
	} {
		result := loadWith(t, "", test.variables)
		require.Equal(t, test.want, result.Settings.Monitor.Bind, test.variables)
		require.Equal(t, test.source, result.Sources["metrics_bind"])
		require.Equal(t, test.want, result.Report(false).Settings["metrics_bind"].Value)
	}
}

func TestMetricsHostsAndToken(t *testing.T) {
	token := strings.Repeat("t", minToken)
	result := loadWith(t, "", map[string]string{"METRICS_HOSTS": "push.example.com, *.svc.cluster.local", "METRICS_TOKEN": token})
	require.Equal(t, []string{"push.example.com", "*.svc.cluster.local"}, []string(result.Settings.Monitor.Hosts))
	require.Equal(t, token, result.Settings.Monitor.Token.Reveal())
	require.Empty(t, result.Settings.Monitor.AdminToken)
	require.Equal(t, "***", result.Report(false).Settings["metrics_token"].Value)
	require.Error(t, loadWith(t, "", map[string]string{"METRICS_TOKEN": "short"}).ErrOf("metrics_token"))
}
