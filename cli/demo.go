//go:build !server

package cli

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"

	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/demo"
)

type demoCommand struct {
	Port uint16 `placeholder:"PORT" help:"Port of the page, on loopback. Without it 8080, or any free one when that is taken."`
}

// Help is printed below the flags.
func (*demoCommand) Help() string {
	return `Runs the push server with a Redis, a database and a Nextcloud of its own, all small and in this process, and a web page on which pushes can be seen to arrive. Nothing else has to be installed, and nothing is left behind.`
}

func (c *demoCommand) Run(p *process) error {
	level, err := config.ParseLogLevel("warn")
	if err != nil {
		return err
	}
	log := newLogging(p.stderr, config.LogOptions{Level: level, NoANSI: true})
	program, where := programName(), ""
	if program == goRun {
		where = " in this folder"
	}
	d, err := demo.Start(p.ctx, demo.Options{Port: c.Port, Program: program, Log: log.Logger})
	if err != nil {
		return err
	}
	defer d.Close()

	fmt.Fprintf(p.stdout, "Open %s in a browser, log in as two people, and see pushes arrive.\n\nThen try in another terminal%s:\n", d.URL, where)
	for _, command := range d.Commands {
		fmt.Fprintf(p.stdout, "\n  # %s\n  %s\n", command.Does, command.Line)
	}
	fmt.Fprintln(p.stdout, "\nCtrl-C ends the demo.")
	<-p.ctx.Done()
	return nil
}

// goRun is how people start this program in its source's folder.
const goRun = "go run ."

// programName is how a shell starts this program: in any folder, unless that is goRun.
func programName() string {
	self, err := os.Executable()
	if err != nil {
		return "notify_push"
	}
	if onPath, err := exec.LookPath("notify_push"); err == nil && sameFile(onPath, self) {
		return "notify_push"
	}
	return nameAt(self)
}

// nameAt is how a shell starts the program with this path.
func nameAt(path string) string {
	switch {
	case builtByGoRun.MatchString(path):
		return goRun
	case strings.ContainsAny(path, " '\"$`\\&|;()<>*?[]#~!"):
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	default:
		return path
	}
}

// builtByGoRun matches where go run puts a binary: into a folder that is gone when it has ended, or,
// from the second time on, into Go's cache.
var builtByGoRun = regexp.MustCompile(`/(?:go-build[0-9]+/b001/exe|[0-9a-f]{2}/[0-9a-f]{64}-d)/[^/]+$`)

func sameFile(a, b string) bool {
	first, err := os.Stat(a)
	if err != nil {
		return false
	}
	second, err := os.Stat(b)
	return err == nil && os.SameFile(first, second)
}
