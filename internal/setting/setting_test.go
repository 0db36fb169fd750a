package setting

import (
	"io/fs"
	"net/netip"
	"testing"
	"time"

	"github.com/notifypush/notifypush/internal/testkit"
	"github.com/stretchr/testify/require"
)

func TestGrammar(t *testing.T) {
	testkit.RequireParses(t, parseBoolean, map[string]bool{"1": true, "TRUE": true, "yes": true, "on": true, "0": false, "False": false, "NO": false, "off": false}, "", "2", "maybe", "truee")
	testkit.RequireParses(t, ParsePort, map[string]uint16{"0": 0, "7867": 7867, "65535": 65535}, "", "-1", "65536", "http", "0x50", "1.5")
	testkit.RequireParses(t, parseCount, map[string]int{"0": 0, "64": 64}, "", "-1", "many", "99999999999")
	testkit.RequireParses(t, parsePositive, map[string]int{"1": 1}, "0", "-1")
	testkit.RequireParses(t, parsePermissions, map[string]fs.FileMode{"660": 0o660, "0660": 0o660, "0o660": 0o660, "0O600": 0o600, "0": 0}, "", "rw", "888", "01777", "-1", "0x1ff")
	testkit.RequireParses(t, parseLogFormat, map[string]string{"console": "console", "JSON": "json"}, "", "xml")
	testkit.RequireParses(t, parseAddress, map[string]string{"::": "::", "[::1]": "::1", "0.0.0.0": "0.0.0.0", "fe80::1%eth0": "fe80::1%eth0"}, "", "localhost", "1.2.3")
	testkit.RequireParses(t, parseDial, map[string]string{
		"127.0.0.1:8080": "127.0.0.1:8080", "web:80": "web:80", "[::1]:80": "[::1]:80",
		"/run/nc.sock": "/run/nc.sock", "unix:/run/nc.sock": "/run/nc.sock", "unix:///run/nc.sock": "/run/nc.sock",
	}, "", "web", ":80", "web:http", "web:0", "::1")
	testkit.RequireParses(t, ParseDuration, map[string]time.Duration{
		"0": 0, "15": 15 * time.Second, "2.5": 2500 * time.Millisecond, "1m30s": 90 * time.Second, "12h": 12 * time.Hour,
	}, "", "-1", "-1s", "soon", "NaN", "Inf", "1e300", "2000000h")
	testkit.RequireParses(t, parsePrefixes, map[string][]netip.Prefix{
		"10.0.0.0/8, ::1": {netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")},
		"10.1.2.3/8":      {netip.MustParsePrefix("10.0.0.0/8")},
		"":                nil,
	}, "proxy", "10.0.0.0/33")
}

func TestGrammarIgnoresSurroundingSpace(t *testing.T) {
	on, err := parseBoolean(" on\n")
	require.NoError(t, err)
	require.True(t, on)
	port, err := ParsePort(" 7867 ")
	require.NoError(t, err)
	require.EqualValues(t, 7867, port)
	half, err := ParseDuration("\t12h ")
	require.NoError(t, err)
	require.Equal(t, 12*time.Hour, half)
}

func FuzzGrammar(f *testing.F) {
	for _, text := range []string{"1", "TRUE", "off", "", "maybe", "\xff", "1m30s", "0o660", "[::1]:80", "10.0.0.0/8, ::1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = parseBoolean(text)
		_, _ = parsePermissions(text)
		_, _ = parseDial(text)
		_, _ = parsePrefixes(text)
		if d, err := ParseDuration(text); err == nil {
			require.True(t, d >= 0 && d <= LongestTime)
		}
	})
}

// options has a field of every kind.
type options struct {
	Text  string         `flag:"text" default:"a"`
	On    bool           `flag:"on" default:"true"`
	Off   bool           `flag:"not-off" default:"true" negated:"true"`
	Count int            `flag:"count" default:"2"`
	Time  *time.Duration `flag:"time" default:"1m"`
	Other string
	Part  struct {
		Mode     fs.FileMode    `flag:"mode" default:"0660"`
		Prefixes []netip.Prefix `flag:"prefixes" default:"::1"`
	}
}

func TestSetFillsTheField(t *testing.T) {
	var o options
	for field := range Fields(&o) {
		_, err := field.Set(field.Default)
		require.NoError(t, err)
	}
	minute := time.Minute
	want := options{Text: "a", On: true, Count: 2, Time: &minute}
	want.Part.Mode, want.Part.Prefixes = 0o660, []netip.Prefix{netip.MustParsePrefix("::1/128")}
	require.Equal(t, want, o)

	for field := range Fields(&o) {
		if field.Flag == "not-off" {
			said, err := field.Set("no")
			require.NoError(t, err)
			require.Equal(t, false, said)
		}
	}
	require.True(t, o.Off)
}

func TestCompleteKeepsWhatIsSet(t *testing.T) {
	o := options{Text: "b", Time: new(time.Duration)}
	Complete(&o)
	require.Equal(t, "b", o.Text)
	require.Zero(t, *o.Time, "0 is a value where the field is a pointer")
	require.Equal(t, 2, o.Count)
	require.False(t, o.On, "a bool is false when it is not set")

	o = options{}
	Complete(&o)
	require.Equal(t, time.Minute, *o.Time)
}
