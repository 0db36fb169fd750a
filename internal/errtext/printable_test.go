package errtext

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"":                      "",
		`müller \ "日本" 😀`:       `müller \ "日本" 😀`,
		"a\nb\tc\rd":            `a\nb\tc\rd`,
		"\x1b[2J":               `\x1b[2J`,
		"\u009b2J":              `\u009b2J`,
		"\x7f":                  `\x7f`,
		"\u202ecod\u2066\u200f": `\u202ecod\u2066\u200f`,
		"\u2028\u00a0\ufeff":    `\u2028\u00a0\ufeff`,
		"\x9b\xff":              `\x9b\xff`,
		"\U000e0041":            `\U000e0041`,
		"a\ufffdb":              "a\ufffdb",
	} {
		require.Equal(t, want, Printable(text))
	}
	require.Equal(t, "a\n\\x1bb", PrintableLines("a\n\x1bb"))
}

func FuzzPrintable(f *testing.F) {
	f.Add("müller\u202e\x1b\xff\U000e0041\u2028")
	f.Fuzz(func(t *testing.T, text string) {
		require.False(t, strings.ContainsFunc(Printable(text), func(r rune) bool { return !unicode.IsPrint(r) }))
		encoded, err := json.Marshal(text)
		require.NoError(t, err)
		escaped := PrintableJSON(encoded)
		require.False(t, strings.ContainsFunc(string(escaped), func(r rune) bool { return !unicode.IsPrint(r) }))
		var before, after string
		require.NoError(t, json.Unmarshal(encoded, &before))
		require.NoError(t, json.Unmarshal(escaped, &after))
		require.Equal(t, before, after)
		PrintableJSON([]byte(text))
	})
}
