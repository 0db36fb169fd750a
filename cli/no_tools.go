//go:build server

package cli

import (
	"fmt"

	"github.com/alecthomas/kong"
)

// tools are the commands that this binary does not have.
type tools struct {
	Demo     leftOut `cmd:"" hidden:"" passthrough:""`
	Loadtest leftOut `cmd:"" hidden:"" passthrough:""`
}

// leftOut is in the place of such a command.
type leftOut struct {
	Arguments []string `arg:"" optional:""`
}

func (leftOut) Run(p *process, parsed *kong.Context) error {
	name := parsed.Selected().Name
	fmt.Fprintf(p.stderr, "notify_push: this binary has the server without the command %s: in the folder of the source, run go run . %s\n", name, name)
	return exitUsage
}
