package config

import (
	"fmt"
	"log/slog"
)

// Secret is a text that does not show itself: every way of printing, marshalling or logging it gives ***, or nothing when it is empty.
type Secret struct{ text string }

// NewSecret makes a secret of text.
func NewSecret(text string) Secret { return Secret{text} }

// Reveal gives the text itself.
func (s Secret) Reveal() string { return s.text }

func (s Secret) String() string {
	if s.text == "" {
		return ""
	}
	return "***"
}

// GoString is what %#v prints.
func (s Secret) GoString() string { return fmt.Sprintf("config.Secret(%q)", s.String()) }

// Format keeps verbs that would look into the struct, such as %d and %x, from printing the text.
func (s Secret) Format(f fmt.State, verb rune) {
	if verb == 'v' && f.Flag('#') {
		fmt.Fprint(f, s.GoString())
		return
	}
	fmt.Fprint(f, s.String())
}

// MarshalText is used by encoders of JSON, YAML, XML and map keys.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue is what log/slog writes.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
