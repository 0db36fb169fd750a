package config

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
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
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Flags]()) {
		name := field.Tag.Get("name")
		if name == "" {
			continue
		}
		if field.Tag.Get("group") != group {
			group = field.Tag.Get("group")
			fmt.Fprintf(&table, "\n### %s\n\n| flag | variable | default | meaning |\n|---|---|---|---|\n", group)
		}
		flag := "--" + name
		if placeholder := field.Tag.Get("placeholder"); placeholder != "" {
			flag += " " + placeholder
		}
		flag = "`" + flag + "`"
		if short := field.Tag.Get("short"); short != "" {
			flag = "`-" + short + "`, " + flag
		}
		if _, negatable := field.Tag.Lookup("negatable"); negatable {
			flag += ", `--no-" + name + "`"
		}
		fallback := field.Tag.Get("fallback")
		if fallback != "" {
			fallback = "`" + strings.ReplaceAll(fallback, ",", ", ") + "`"
		}
		fmt.Fprintf(&table, "| %s | `%s` | %s | %s |\n", flag, field.Tag.Get("variable"), fallback, strings.ReplaceAll(field.Tag.Get("help"), "|", "\\|"))
	}
	return table.String() + "\n"
}

// Every declared setting has what the documentation and the report need, and no name is used twice.
func TestDeclarations(t *testing.T) {
	variables := map[string]bool{}
	reported := map[string]bool{"database_url": true, "redis_url": true}
	for name := range (Settings{}).all() {
		reported[name] = true
	}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Flags]()) {
		if field.Anonymous {
			continue
		}
		require.NotEmpty(t, field.Tag.Get("help"), field.Name)
		name, variable := field.Tag.Get("name"), field.Tag.Get("variable")
		if name == "" {
			continue
		}
		require.NotEmpty(t, variable, field.Name)
		require.False(t, variables[variable], variable)
		variables[variable] = true
		require.True(t, reported[settingOf(name)], "%s is in no report", name)
		require.Equal(t, strings.HasPrefix(field.Tag.Get("fallback"), "true"), field.Tag.Get("negatable") == "" && hasTag(field, "negatable"), "%s: a switch that is on needs a way off", name)
	}
}

func hasTag(field reflect.StructField, name string) bool {
	_, found := field.Tag.Lookup(name)
	return found
}
