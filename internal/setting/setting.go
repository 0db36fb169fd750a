// Package setting reads the struct tags by which the options of the server's parts declare settings.
//
// The field of an options struct is the one place where a setting is: its type is the grammar, and its tags say the rest. Package config
// fills such fields from the command line, the environment and Nextcloud's configuration; a part that is used without package config fills
// in the defaults itself, with Complete.
//
// The tags:
//
//	flag         the name on the command line, without the dashes
//	name         what reports call it, where that is not the flag with _ for -
//	short        its letter, if it has one
//	env          the environment variable
//	default      the text that counts when no source gives one
//	placeholder  what --help writes behind the flag
//	group        the heading in --help and docs/configuration.md
//	help         what it does, in one or two sentences
//	grammar      how the text is read, where the field's type does not say that; see grammar.go
//	reload       "true" where a change counts without a restart
//	negated      "true" where the field says the opposite of the flag
//	scope        whose it is in a process that serves several Nextclouds; see Scope
package setting

import (
	"cmp"
	"encoding"
	"fmt"
	"io/fs"
	"iter"
	"net/netip"
	"reflect"
	"strings"
	"time"
)

// Field is a field of an options struct that declares a setting.
type Field struct {
	Flag, Short, Variable, Default, Placeholder, Group, Help string
	Reloads                                                  bool // a change counts without a restart
	Scope                                                    Scope

	name    string
	grammar string
	negated bool
	value   reflect.Value
}

// Scope says whose a setting is in a process that serves several Nextclouds, each of which is an instance.
type Scope string

// The scopes of settings.
const (
	Inherited  Scope = ""         // an instance's; the process's own is the default of all
	OfProcess  Scope = "process"  // the process's alone
	OfInstance Scope = "instance" // an instance's alone
	OfEach     Scope = "each"     // the process has one, and each instance another
)

// Fields yields the settings that a struct declares, and those of the structs in it. options points to it.
func Fields(options any) iter.Seq[Field] {
	return func(yield func(Field) bool) { fields(reflect.ValueOf(options).Elem(), yield) }
}

func fields(options reflect.Value, yield func(Field) bool) bool {
	for i := range options.NumField() {
		field := options.Type().Field(i)
		if !field.IsExported() {
			continue
		}
		tag := field.Tag
		if flag := tag.Get("flag"); flag != "" && !yield(Field{
			Flag: flag, Short: tag.Get("short"), Variable: tag.Get("env"), Default: tag.Get("default"), Placeholder: tag.Get("placeholder"),
			Group: tag.Get("group"), Help: tag.Get("help"), Reloads: tag.Get("reload") == "true", Scope: Scope(tag.Get("scope")), name: tag.Get("name"), grammar: tag.Get("grammar"), negated: tag.Get("negated") == "true", value: options.Field(i),
		}) {
			return false
		}
		if field.Type.Kind() == reflect.Struct && !fields(options.Field(i), yield) {
			return false
		}
	}
	return true
}

// Name is what reports call the setting.
func (f Field) Name() string { return cmp.Or(f.name, strings.ReplaceAll(f.Flag, "-", "_")) }

// IsSwitch reports whether the flag may stand alone, for true.
func (f Field) IsSwitch() bool { return f.value.Kind() == reflect.Bool }

// IsPort reports whether it is the number of a port.
func (f Field) IsPort() bool { return f.value.Kind() == reflect.Uint16 }

// Set parses a text into the field, and returns what the text says.
func (f Field) Set(text string) (any, error) {
	target := f.value
	if target.Kind() == reflect.Pointer {
		target = reflect.New(target.Type().Elem()).Elem()
	}
	parsed, err := f.parse(text, target)
	if err != nil {
		return nil, err
	}
	if on, isSwitch := parsed.(bool); isSwitch {
		target.SetBool(on != f.negated)
	} else if parsed != nil {
		target.Set(reflect.ValueOf(parsed).Convert(target.Type()))
	}
	if f.value.Kind() == reflect.Pointer {
		f.value.Set(target.Addr())
	}
	return parsed, nil
}

func (f Field) parse(text string, target reflect.Value) (any, error) {
	if own, ok := target.Addr().Interface().(encoding.TextUnmarshaler); ok {
		err := own.UnmarshalText([]byte(text))
		return target.Interface(), err
	}
	switch f.grammar {
	case "address":
		return parseAddress(text)
	case "dial":
		return parseDial(text)
	case "positive":
		return parsePositive(text)
	case "console or json":
		return parseLogFormat(text)
	}
	switch target.Interface().(type) {
	case bool:
		return parseBoolean(text)
	case string:
		return text, nil
	case int:
		return parseCount(text)
	case uint16:
		return ParsePort(text)
	case time.Duration:
		return ParseDuration(text)
	case fs.FileMode:
		return parsePermissions(text)
	case []netip.Prefix:
		return parsePrefixes(text)
	}
	panic(fmt.Sprintf("setting %s: there is no grammar for a %v", f.Flag, target.Type()))
}

// Complete gives the fields that are zero their defaults: pointers that are nil, and values of which zero is none. options points to a
// struct. A field whose zero has a meaning beside a default is a pointer, so that it can say both.
func Complete(options any) {
	for field := range Fields(options) {
		if field.Default == "" || !field.value.IsZero() || field.IsSwitch() {
			continue
		}
		if _, err := field.Set(field.Default); err != nil {
			panic(fmt.Sprintf("setting %s: its own default cannot be read: %v", field.Flag, err))
		}
	}
}
