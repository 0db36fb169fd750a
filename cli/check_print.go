package cli

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/internal/errtext"
)

// withoutDefaults are the settings that somebody has set, and where to connect to in any case.
func (r tried) withoutDefaults() map[string]config.Setting {
	set := maps.Clone(r.Settings)
	maps.DeleteFunc(set, func(name string, setting config.Setting) bool {
		return setting.Source == config.SourceDefault && name != "database" && name != "redis"
	})
	return set
}

// printSettings prints those that have a value, with where it came from.
func printSettings(w io.Writer, settings map[string]config.Setting) {
	t := newTable(w)
	defer t.Flush()
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		setting := settings[name]
		for _, line := range flatten(name, setting.Value) {
			fmt.Fprintf(t, "%s\t%s\t%s\n", errtext.Printable(line[0]), errtext.Printable(line[1]), errtext.Printable(setting.Source))
		}
	}
}

// printRemarks prints what is wrong with the settings.
func printRemarks(w io.Writer, report config.Report) {
	for _, unknown := range report.Unknown {
		fmt.Fprintf(w, "unknown: %s:%d: %s: %s\n", errtext.Printable(unknown.File), unknown.Line, errtext.Printable(unknown.Key), errtext.Printable(unknown.Reason))
	}
	for _, warning := range report.Warnings {
		fmt.Fprintf(w, "warning: %s\n", errtext.PrintableLines(warning))
	}
	for _, problem := range report.Errors {
		fmt.Fprintf(w, "error: %s\n", errtext.PrintableLines(problem))
	}
}

// flatten makes lines of a value: name and text, and one for each element of a map that is not empty.
func flatten(name string, value any) [][2]string {
	switch value := value.(type) {
	case nil:
		return nil
	case float64: // a length of time, in seconds
		return flatten(name, spellTime(time.Duration(value*float64(time.Second))))
	case map[string]any:
		var lines [][2]string
		for _, key := range slices.Sorted(maps.Keys(value)) {
			lines = append(lines, flatten(name+"."+key, value[key])...)
		}
		return lines
	case []any:
		texts := make([]string, 0, len(value))
		for _, element := range value {
			texts = append(texts, fmt.Sprint(element))
		}
		return flatten(name, strings.Join(texts, ", "))
	}
	text := fmt.Sprint(value)
	if text == "" || text == "map[]" {
		return nil
	}
	return [][2]string{{name, text}}
}

// spellTime is a length of time as it may be written in a setting, such as 12h.
func spellTime(t time.Duration) string {
	text := t.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

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

// onOneLine keeps foreign text from breaking lines or moving the cursor.
func onOneLine(text string) string {
	return errtext.Printable(strings.ReplaceAll(strings.TrimSpace(text), "\n", "; "))
}

// summary is what check comes to, in one line.
func (r checkReport) summary(offline bool) string {
	reds, yellows := r.count(red), r.count(yellow)
	switch {
	case len(r.Errors) > 0:
		return "The server cannot start with these settings."
	case r.broken() > 0:
		return fmt.Sprintf("%d of %d instances: push will not work as it should; the others are served.", r.broken(), len(r.Instances))
	case offline:
		return "The server can start with these settings; nothing was tried."
	case reds > 0:
		return fmt.Sprintf("%d red, %d yellow: push will not work as it should; fix the red items.", reds, yellows)
	case yellows > 0:
		return fmt.Sprintf("%d yellow: push works; the yellow items deserve a look.", yellows)
	default:
		return "All is green. Whether clients get through the reverse proxy, notify_push doctor shows."
	}
}
