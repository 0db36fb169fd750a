package errtext

import (
	"bytes"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Printable returns a text of others fit for a line of a terminal or a log: what is not printed as itself, such as the end of a line,
// an escape sequence or a sign that turns the direction of writing, is escaped as in Go.
func Printable(text string) string { return escape(text, "") }

// PrintableLines is Printable for several lines.
func PrintableLines(text string) string { return escape(text, "\n") }

func escape(text, keep string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return r == utf8.RuneError || !isKept(r, keep) }) {
		return text
	}
	var out strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		if size == 1 && r == utf8.RuneError || !isKept(r, keep) {
			quoted := strconv.Quote(text[i : i+size])
			out.WriteString(quoted[1 : len(quoted)-1])
		} else {
			out.WriteString(text[i : i+size])
		}
		i += size
	}
	return out.String()
}

func isKept(r rune, keep string) bool { return unicode.IsPrint(r) || strings.ContainsRune(keep, r) }

// PrintableJSON returns JSON with the same meaning in which nothing is left that a terminal would not print as itself. Encoders escape only
// the control characters of ASCII.
func PrintableJSON(data []byte) []byte {
	at := bytes.IndexFunc(data, func(r rune) bool { return r >= 0x7F })
	if at < 0 {
		return data
	}
	out := append(make([]byte, 0, len(data)+16), data[:at]...)
	for at < len(data) {
		r, size := utf8.DecodeRune(data[at:])
		switch {
		case r == utf8.RuneError && size == 1:
			out = append(out, `\ufffd`...)
		case r < 0x7F || r > 0x7F && unicode.IsPrint(r):
			out = append(out, data[at:at+size]...)
		case r > 0xFFFF:
			first, second := utf16.EncodeRune(r)
			out = appendUnicode(appendUnicode(out, first), second)
		default:
			out = appendUnicode(out, r)
		}
		at += size
	}
	return out
}

func appendUnicode(out []byte, r rune) []byte {
	const hex = "0123456789abcdef"
	return append(out, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
}

// JSONWriter returns a writer of PrintableJSON. Each call of Write must have whole characters.
func JSONWriter(out io.Writer) io.Writer { return jsonWriter{out} }

type jsonWriter struct{ out io.Writer }

func (w jsonWriter) Write(data []byte) (int, error) {
	if _, err := w.out.Write(PrintableJSON(data)); err != nil {
		return 0, err
	}
	return len(data), nil
}
