package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// readPassword returns the password that was given to a command; - is standard input, and none asks on a terminal.
func readPassword(p *process, given string) (string, error) {
	terminal, isFile := p.stdin.(*os.File)
	switch {
	case given == "-":
		line, err := bufio.NewReader(p.stdin).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("read the password from standard input: %w", err)
		}
		return strings.TrimRight(line, "\r\n"), nil
	case given != "":
		return given, nil
	case isFile && term.IsTerminal(int(terminal.Fd())):
		return askPassword(p, terminal)
	default:
		return "", errors.New("no password: give it as an argument, in NOTIFY_PUSH_PASSWORD, or - to read it from standard input")
	}
}

func askPassword(p *process, terminal *os.File) (string, error) {
	fd := int(terminal.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("ask for the password: %w", err)
	}
	fmt.Fprint(p.stderr, "Password: ")
	defer fmt.Fprintln(p.stderr)

	type answer struct {
		password []byte
		err      error
	}
	answered := make(chan answer, 1)
	go func() {
		password, err := term.ReadPassword(fd)
		answered <- answer{password, err}
	}()
	select {
	case a := <-answered:
		return string(a.password), a.err
	case <-p.ctx.Done():
		// The read cannot be interrupted; the process ends over it, and the terminal must echo again.
		_ = term.Restore(fd, before)
		return "", errors.New("no password was given")
	}
}
