package nextcloud

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStatusOfNextcloud(t *testing.T) {
	var asked *http.Request
	nextcloud := nextcloudAt(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r
		w.Header().Set("Date", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
		says(200, `{"installed":true,"maintenance":true,"needsDbUpgrade":false,"version":"31.0.0.18","versionstring":"31.0.0"}`)(w, r)
	}, func(o *Options) { o.BaseURL += "folder/" })
	status, err := nextcloud.Status(t.Context())
	require.NoError(t, err)
	require.Equal(t, "GET /folder/status.php", asked.Method+" "+asked.URL.String())
	require.NotContains(t, asked.Header, "User-Agent")
	require.InDelta(t, time.Hour, status.Ahead, float64(time.Minute))
	require.Equal(t, asked.RemoteAddr[:strings.LastIndexByte(asked.RemoteAddr, ':')], status.Source.String())
	status.Ahead = 0
	loopback := netip.MustParseAddr("127.0.0.1")
	require.Equal(t, ServerStatus{Installed: true, Maintenance: true, Version: "31.0.0", Source: loopback, Target: loopback}, status)
}

func TestStatusOfWhatIsNoNextcloud(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer http.HandlerFunc
		want   string
	}{
		{"a web page", says(200, "<html>"), "what answers is no Nextcloud"},
		{"JSON of something else", says(200, `{"status":"ok"}`), "what answers is no Nextcloud"},
		{"JSON without end", drip, "Nextcloud did not answer within"},
		{"5 MB", says(200, `{"versionstring":"`+strings.Repeat("a", 5<<20)+`"}`), "what answers is no Nextcloud"},
		{"nobody", silence, "Nextcloud did not answer within"},
		{"500", says(500, "{}"), "Nextcloud answered 500 Internal Server Error"},
		{"another name", says(400, `{"error": "Trusted domain error.", "code": 15}`), "127.0.0.1 is not configured as a trusted domain for the nextcloud server"},
	} {
		t.Run(test.name, func(t *testing.T) {
			timeout := time.Minute
			if strings.Contains(test.want, "within") {
				timeout = 100 * time.Millisecond
			}
			_, err := nextcloudAt(t, test.answer, func(o *Options) { o.Timeout = timeout }).Status(t.Context())
			require.ErrorContains(t, err, test.want)
			var failure *Error
			require.True(t, errors.As(err, &failure))
		})
	}
}

func TestClockThatShowsNoTime(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 500_000_000, time.UTC)
	require.Zero(t, ahead("", now, now))
	require.Zero(t, ahead("soon", now, now))
	require.Zero(t, ahead("Fri, 02 Jan 2026 03:04:05 GMT", now, now))
	require.Equal(t, -time.Second, ahead("Fri, 02 Jan 2026 03:04:05 GMT", now, now.Add(2*time.Second)))
}
