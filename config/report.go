package config

import (
	"fmt"
	"io/fs"
	"iter"
	"reflect"
	"time"
)

// Report is what `check --offline --json` prints of a result.
type Report struct {
	Settings map[string]Setting `json:"settings"`
	Unknown  []UnknownKey       `json:"unknown"`
	Warnings []string           `json:"warnings"`
	Errors   []string           `json:"errors"`
}

// Setting is one setting's value and where it came from.
type Setting struct {
	Value  any    `json:"value"` // made of what JSON knows; nil when it is unset, or has no usable value
	Source string `json:"source"`
}

// UnknownKey is a key of config.php whose value is beyond the evaluator.
type UnknownKey struct {
	Key    string `json:"key"`
	File   string `json:"file"`
	Line   int    `json:"line"`
	Reason string `json:"reason"`
}

// Report makes the report. Secrets are *** in it, unless they are to be shown.
func (r *Result) Report(showSecrets bool) Report {
	report := Report{
		Settings: map[string]Setting{},
		Unknown:  []UnknownKey{},
		Warnings: append([]string{}, r.Warnings...),
		Errors:   append([]string{}, r.Errors...),
	}
	for name, value := range r.Settings.all() {
		setting := Setting{Source: r.Sources[name]}
		if setting.Source == "" {
			setting.Source = SourceDefault
		}
		if r.failed[name] == nil && !r.isUnset(name, value) {
			setting.Value = plain(value, showSecrets)
		}
		report.Settings[name] = setting
	}
	for _, unknown := range r.Unknown {
		report.Unknown = append(report.Unknown, UnknownKey(unknown))
	}
	return report
}

// isUnset tells a text, or a port that is off by default, which nobody gave from one that is empty.
func (r *Result) isUnset(name string, value reflect.Value) bool {
	switch name {
	case "database_prefix":
		return false
	case "metrics_port":
		return value.IsZero()
	}
	return value.Kind() == reflect.String && value.IsZero()
}

// all yields the settings that have a name in reports, in their order.
func (s Settings) all() iter.Seq2[string, reflect.Value] {
	return func(yield func(string, reflect.Value) bool) {
		settings := reflect.ValueOf(s)
		for _, field := range reflect.VisibleFields(settings.Type()) {
			if name := field.Tag.Get("setting"); name != "" && !yield(name, settings.FieldByIndex(field.Index)) {
				return
			}
		}
	}
}

// plain turns a value into what JSON knows: durations into seconds, permissions and levels into text, structs into maps by their tags.
func plain(value reflect.Value, showSecrets bool) any {
	switch v := value.Interface().(type) {
	case Secret:
		if showSecrets {
			return v.Reveal()
		}
		return v.String()
	case time.Duration:
		return v.Seconds()
	case fs.FileMode:
		return fmt.Sprintf("%04o", v)
	case fmt.Stringer:
		return v.String()
	}
	switch value.Kind() {
	case reflect.Struct:
		fields := map[string]any{}
		for _, field := range reflect.VisibleFields(value.Type()) {
			if name := field.Tag.Get("setting"); name != "" {
				fields[name] = plain(value.FieldByIndex(field.Index), showSecrets)
			}
		}
		return fields
	case reflect.Slice:
		elements := make([]any, 0, value.Len())
		for i := range value.Len() {
			elements = append(elements, plain(value.Index(i), showSecrets))
		}
		return elements
	case reflect.Map:
		if value.Len() == 0 {
			return map[string]string{}
		}
	}
	return value.Interface()
}
