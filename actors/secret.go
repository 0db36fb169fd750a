package actors

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "***"

// Secret is a password or a token. Printed, logged or marshalled in any way it is "***";
// Reveal gives the text. Fields that hold one are exported, because fmt asks only those.
type Secret string

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return string(s) }

// Format makes "***" of every verb, also of those that make no sense for a text.
func (Secret) Format(out fmt.State, _ rune) { _, _ = io.WriteString(out, redacted) }

func (Secret) String() string { return redacted }

// LogValue is what log/slog writes.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText is what encoders write.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Header has fields of a request by canonical name, as an http.Header has. Cookies are secrets, so it is printed,
// logged and marshalled like one; http.Header(h) gives its methods.
type Header map[string][]string

// Format makes "***" of every verb.
func (Header) Format(out fmt.State, _ rune) { _, _ = io.WriteString(out, redacted) }

// LogValue is what log/slog writes.
func (Header) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText is what encoders write.
func (Header) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// payload is what arrived on a channel. It may hold a token, so it is printed, logged and marshalled
// like a Secret.
type payload []byte

// Format makes "***" of every verb.
func (payload) Format(out fmt.State, _ rune) { _, _ = io.WriteString(out, redacted) }

// MarshalText is what encoders write, also those of loggers.
func (payload) MarshalText() ([]byte, error) { return []byte(redacted), nil }
