package cli

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// table prints columns. What waits is printed by Flush.
type table struct{ *tabwriter.Writer }

func newTable(out io.Writer) table { return table{tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)} }

// line prints cells, each on one line whatever it holds.
func (t table) line(cells ...string) {
	for i := range cells {
		cells[i] = onOneLine(cells[i])
	}
	fmt.Fprintln(t, strings.Join(cells, "\t"))
}
