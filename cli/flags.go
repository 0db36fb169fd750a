package cli

import (
	"fmt"
	"reflect"

	"github.com/alecthomas/kong"
)

// switchMapper reads a flag that may stand alone, for true. Its text is left to package config, so that every source has one grammar.
type switchMapper struct{}

func (switchMapper) IsBool() bool { return true }

func (switchMapper) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	text := "true"
	if ctx.Scan.Peek().Type == kong.FlagValueToken {
		text = fmt.Sprint(ctx.Scan.Pop().Value)
	}
	target.Set(reflect.ValueOf(&text))
	return nil
}

// describe is a flag's help with its default and its variable.
func describe(value *kong.Value) string {
	help := value.Help
	if fallback := value.Tag.Get("fallback"); fallback != "" {
		help += " Default: " + fallback + "."
	}
	if variable := value.Tag.Get("variable"); variable != "" {
		help += " ($" + variable + ")"
	}
	return help
}
