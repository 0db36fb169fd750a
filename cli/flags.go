package cli

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/internal/setting"
)

// settingFlags are flags of settings, for kong to embed: pointers to structs with a field of texts for each flag. The texts are parsed by
// package config, so that every source has one grammar.
type settingFlags struct{ kong.Plugins }

// newSettingFlags makes flags of those settings that are wanted.
func newSettingFlags(wanted func(flag string) bool) settingFlags {
	var fields []reflect.StructField
	for _, declared := range config.Declarations() {
		if wanted(declared.Flag) {
			fields = append(fields, reflect.StructField{Name: fmt.Sprint("Flag", len(fields)), Type: reflect.TypeFor[[]string](), Tag: tagOf(declared)})
		}
	}
	return settingFlags{kong.Plugins{reflect.New(reflect.StructOf(fields)).Interface()}}
}

func everySetting(string) bool { return true }

// monitorSetting wants what leads to the operators' listener.
var monitorSetting = onlySettings("bind", "metrics-bind", "metrics-port", "metrics-socket-path", "metrics-token", "admin-token")

func onlySettings(flags ...string) func(string) bool {
	return func(flag string) bool { return slices.Contains(flags, flag) }
}

// tagOf says to kong what a setting's tags say.
func tagOf(declared setting.Field) reflect.StructTag {
	var tag strings.Builder
	add := func(key, text string) { fmt.Fprintf(&tag, "%s:%s ", key, strconv.Quote(text)) }
	add("name", declared.Flag)
	if declared.Short != "" {
		add("short", declared.Short)
	}
	add("group", declared.Group)
	add("placeholder", declared.Placeholder)
	add("sep", "none")
	if declared.IsSwitch() {
		add("type", "switch")
	}
	if declared.IsSwitch() && declared.Default == "true" {
		add("negatable", "")
	}
	help := declared.Help
	if declared.Default != "" {
		help += " Default: " + declared.Default + "."
	}
	add("help", help+" ($"+declared.Variable+")")
	return reflect.StructTag(tag.String())
}

// given are the texts that the command line gave.
func (f settingFlags) given() config.Given {
	given := config.Given{}
	for _, plugin := range f.Plugins {
		flags := reflect.ValueOf(plugin).Elem()
		for i := range flags.NumField() {
			if texts := flags.Field(i).Interface().([]string); texts != nil {
				name := flags.Type().Field(i).Tag.Get("name")
				given[name] = texts
			}
		}
	}
	return given
}

// switchMapper reads a flag that may stand alone, for true.
type switchMapper struct{}

func (switchMapper) IsBool() bool { return true }

func (switchMapper) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	text := "true"
	if ctx.Scan.Peek().Type == kong.FlagValueToken {
		text = fmt.Sprint(ctx.Scan.Pop().Value)
	}
	target.Set(reflect.ValueOf([]string{text}))
	return nil
}

// duration is a flag that is no setting, with the grammar of those that are.
type duration time.Duration

// UnmarshalText is called by kong.
func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := setting.ParseDuration(string(text))
	*d = duration(parsed)
	return err
}
