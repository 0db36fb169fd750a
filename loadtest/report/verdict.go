package report

import (
	"fmt"
	"io"
	"strings"
)

// Verdict says how B is against A in a figure. It is "" for figures that are neither better when they are low nor when they are high, or say
// nothing about the server.
type Verdict string

// The verdicts.
const (
	Better       Verdict = "B is better"
	Worse        Verdict = "B is worse"
	Same         Verdict = "same within noise"
	TooFewRounds Verdict = "too few rounds"
)

const (
	// minRounds: of fewer, nobody could tell a difference from noise.
	minRounds = 3
	// minDifference of the medians, as a share, is worth a verdict.
	minDifference = 0.05
)

// direction is whether a figure is better when it is low, or high.
type direction int

const (
	neither direction = iota
	low
	high
)

var directions = map[string]direction{
	"delivered": high, "online at the end": high, "logins/s": high, "handshakes/s": high, "deliveries/s": high, "deliveries/s / floor": high,
	"lost": low, "lost share": low, "too many": low, "duplicates": low, "out of order": low, "misdelivered": low, "connections lost": low,
	"dials": low, "refused": low, "queries": low, "logins at Nextcloud": low, "most requests in flight at Nextcloud": low,
	"waited for Nextcloud": low, "waited for Nextcloud share": low, "missed while away": low, "late": low,
	"publisher late p99": neither, "harness memory a client": neither, "harness CPU": neither, "server CPU": neither,
}

// directionOf takes times, memory, CPU and ratios to be better when they are low.
func directionOf(f Figure) direction {
	if d, ok := directions[f.Name]; ok {
		return d
	}
	switch f.Unit {
	case "µs", "ms", "s", "KiB", "MiB", "×", "% of a core":
		return low
	}
	return neither
}

// judge takes two servers for the same when their rounds overlap, or their medians hardly differ.
func judge(better direction, a, b Spread, rounds int) Verdict {
	difference := b.Median - a.Median
	largest := max(a.Median, -a.Median, b.Median, -b.Median)
	switch {
	case a == b:
		return Same
	case rounds < minRounds:
		return TooFewRounds
	case a.Low <= b.High && b.Low <= a.High, max(difference, -difference) < minDifference*largest:
		return Same
	case (difference < 0) == (better == low):
		return Better
	default:
		return Worse
	}
}

// writeVerdict prints where B differs, and how often it does not.
func writeVerdict(w io.Writer, all []Comparison) error {
	lines := map[Verdict][]string{}
	for _, c := range all {
		line := strings.TrimRight(fmt.Sprintf("  %s, %s: %s %s against %s %s", c.Scenario, c.Step, c.Figure, number(c.B.Median), number(c.A.Median), c.Unit), " ")
		if c.Ratio != nil {
			line += fmt.Sprintf(", %s × (%s–%s)", number(c.Ratio.Median), number(c.Ratio.Low), number(c.Ratio.High))
		}
		lines[c.Verdict] = append(lines[c.Verdict], line)
	}
	total := len(all) - len(lines[""])
	var text strings.Builder
	text.WriteString("\n")
	for _, v := range []Verdict{Worse, Better} {
		if len(lines[v]) > 0 {
			fmt.Fprintf(&text, "%s in %d of %d figures:\n%s\n", v, len(lines[v]), total, strings.Join(lines[v], "\n"))
		}
	}
	fmt.Fprintf(&text, "%s in %d of %d figures\n", Same, len(lines[Same]), total)
	if n := len(lines[TooFewRounds]); n > 0 {
		fmt.Fprintf(&text, "no verdict on %d of %d figures: fewer than %d rounds\n", n, total, minRounds)
	}
	_, err := io.WriteString(w, text.String())
	return err
}
