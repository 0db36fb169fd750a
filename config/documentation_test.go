package config

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/internal/setting"
)

// docs/configuration.md lists every setting as --help does; `go generate` writes the list anew.
func TestDocumentation(t *testing.T) {
	const path, start, end = "../docs/configuration.md", "<!-- settings, by go generate -->\n", "<!-- end of settings -->\n"
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	before, rest, started := strings.Cut(string(text), start)
	_, after, ended := strings.Cut(rest, end)
	require.True(t, started && ended, "the marks of the list are missing")
	want := before + start + settingsTable() + end + after
	if os.Getenv("UPDATE_DOCS") != "" {
		require.NoError(t, os.WriteFile(path, []byte(want), 0o644))
		return
	}
	require.True(t, want == string(text), "%s is not what the flags say; run: go generate ./config", path)
}

// settingsTable is a table for each group of flags.
func settingsTable() string {
	var table strings.Builder
	group := ""
	for _, field := range Declarations() {
		if field.Group != group {
			group = field.Group
			fmt.Fprintf(&table, "\n### %s\n\n| flag | variable | default | meaning |\n|---|---|---|---|\n", group)
		}
		flag := "--" + field.Flag
		if field.Placeholder != "" {
			flag += " " + field.Placeholder
		}
		flag = "`" + flag + "`"
		if field.Short != "" {
			flag = "`-" + field.Short + "`, " + flag
		}
		fallback := field.Default
		if field.IsSwitch() && fallback == "true" {
			flag += ", `--no-" + field.Flag + "`"
		}
		if fallback != "" {
			fallback = "`" + strings.ReplaceAll(fallback, ",", ", ") + "`"
		}
		fmt.Fprintf(&table, "| %s | `%s` | %s | %s |\n", flag, field.Variable, fallback, strings.ReplaceAll(field.Help, "|", "\\|"))
	}
	return table.String() + "\n"
}

// Every setting has what the documentation needs, is in the report, and no name is used twice.
func TestDeclarations(t *testing.T) {
	report := Load(t.Context(), "", nil, func(string) (string, bool) { return "", false }).Report(false)
	seen := map[string]bool{}
	for _, field := range Declarations() {
		for _, name := range []string{"--" + field.Flag, "-" + field.Short, field.Variable} {
			require.False(t, seen[name], name)
			seen[name] = name != "-"
		}
		require.NotEmpty(t, field.Help, field.Flag)
		require.NotEmpty(t, field.Variable, field.Flag)
		require.Contains(t, []string{"Nextcloud", "Database", "Redis", "Listening", "Pushes", "Logins", "Limits", "Several Nextclouds", "Logs"}, field.Group, field.Flag)
		require.Equal(t, field.IsSwitch(), field.Placeholder == "", field.Flag)
		require.Contains(t, report.Settings, field.Name())
	}
	require.Len(t, report.Settings, len(Declarations())+1) // and config_file
}

// The library's defaults are those of the tags.
func TestDefaultsOfTheActors(t *testing.T) {
	loaded := Load(t.Context(), "", nil, func(string) (string, bool) { return "", false })
	var options actors.Options
	setting.Complete(&options)
	require.Equal(t, options, loaded.Settings.Actors)
}
