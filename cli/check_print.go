package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"golang.org/x/term"
)

// noColour is the variable by which people turn colours off in all programs, see no-color.org.
const noColour = "NO_COLOR" //nolint:misspell // It is not ours.

// colours are the terminal's codes for what a finding is worth.
var colours = map[status]string{green: "32", yellow: "33", red: "31"}

// painter returns what colours a status for w: on a terminal, unless the operator does not want any.
func painter(w io.Writer, noANSI bool) func(status) string {
	file, isFile := w.(*os.File)
	if noANSI || os.Getenv(noColour) != "" || !isFile || !term.IsTerminal(int(file.Fd())) {
		return func(s status) string { return fmt.Sprintf("%-6s", s) }
	}
	return func(s status) string { return fmt.Sprintf("\x1b[%sm%-6s\x1b[0m", colours[s], s) }
}

func printFinding(w io.Writer, f finding, paint func(status) string) {
	fmt.Fprintf(w, "%s  %s: %s\n", paint(f.Status), f.Name, f.Detail)
	if f.Advice != "" {
		fmt.Fprintf(w, "        %s\n", f.Advice)
	}
}

// onOneLine keeps what others have said from breaking lines or moving the cursor.
func onOneLine(text string) string {
	text = strings.ReplaceAll(strings.TrimSpace(text), "\n", "; ")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
}
