// Package rooms holds the rule of who may import whom, as docs/architecture.md writes it down.
package rooms

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/notifypush/notifypush"

var (
	row  = regexp.MustCompile("(?m)^\\| (`.*`) \\| (.*) \\|$")
	name = regexp.MustCompile("`([^`]+)`")
)

// allowed are the rows of the table: by room, the rooms that it may import, a room's own aside.
func allowed(t *testing.T) map[string][]string {
	text, err := os.ReadFile("../../docs/architecture.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(text), "\n## Who may import whom\n")
	require.True(t, found)
	section, _, _ = strings.Cut(section, "\n## ")
	rooms := map[string][]string{}
	for _, cells := range row.FindAllStringSubmatch(section, -1) {
		var imports []string
		for _, to := range name.FindAllStringSubmatch(cells[2], -1) {
			imports = append(imports, to[1])
		}
		for _, from := range name.FindAllStringSubmatch(cells[1], -1) {
			rooms[from[1]] = imports
		}
	}
	require.Greater(t, len(rooms), 10)
	return rooms
}

// roomOf is the row of the table that a package belongs to: the longest that its path begins with.
func roomOf(rooms map[string][]string, path string) (room string) {
	for r := range rooms {
		if (path == r || strings.HasPrefix(path, r+"/")) && len(r) > len(room) {
			room = r
		}
	}
	return room
}

func TestImports(t *testing.T) {
	rooms := allowed(t)
	list := exec.CommandContext(t.Context(), "go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...")
	list.Dir, list.Stderr = "../..", os.Stderr
	output, err := list.Output()
	require.NoError(t, err)
	for line := range strings.Lines(string(output)) {
		packages := strings.Fields(line)
		from := strings.TrimPrefix(strings.TrimPrefix(packages[0], module), "/")
		if from == "" {
			from = "main.go"
		}
		room := roomOf(rooms, from)
		require.NotEmpty(t, room, "%s has no row in docs/architecture.md", from)
		for _, imported := range packages[1:] {
			if to, ours := strings.CutPrefix(imported, module+"/"); ours && roomOf(rooms, to) != room {
				require.Contains(t, rooms[room], roomOf(rooms, to), "%s imports %s, which docs/architecture.md does not allow", from, to)
			}
		}
	}
}
