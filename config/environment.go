package config

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/joho/godotenv"

	"github.com/notifypush/notifypush/internal/files"
)

// environment is where variables are: those of the process, and below them those of the .env file in the working directory; or those of an
// instance, and no others.
type environment struct {
	process func(string) (string, bool)
	file    map[string]string

	instance map[string]string // nil: these are the process's
	label    string            // what the instance's source is called
}

// find gives a variable's value and what to call its source.
func (e environment) find(name string) (text, source string, found bool) {
	if e.instance != nil {
		text, found = e.instance[name]
		return text, e.label + " " + name, found
	}
	if text, found = e.process(name); found {
		return text, "env " + name, true
	}
	text, found = e.file[name]
	return text, ".env " + name, found
}

// setting is find for a setting of ours, which no text ends with a line end that a file of another system left.
func (e environment) setting(name string) (text, source string, found bool) {
	text, source, found = e.find(name)
	return strings.TrimRight(text, "\r\n"), source, found
}

// lookup is find without the source.
func (e environment) lookup(name string) (string, bool) {
	text, _, found := e.find(name)
	return text, found
}

// largestFile bounds what is read of a file that holds a secret or variables.
const largestFile = 1 << 20

// fromFile names the variables that the file gives.
func (e environment) fromFile() []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(e.file)) {
		if _, overruled := e.process(name); !overruled {
			names = append(names, name)
		}
	}
	return names
}

// all are the variables that another process is to have, beside its PATH; nil: those of this one.
func (e environment) all() []string {
	if e.instance == nil {
		return nil
	}
	list := []string{"PATH=" + os.Getenv("PATH")}
	for name, text := range e.instance {
		list = append(list, name+"="+text)
	}
	return list
}

// readDotEnv reads the .env file of the working directory; without one there are no variables.
func readDotEnv(ctx context.Context) (map[string]string, error) {
	variables, err := readVariables(ctx, ".env")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return variables, err
}

// readVariables reads a file of variables. What it says counts as much as the command line, so nobody but root and this user may have written
// it, or lead to it by a link.
func readVariables(ctx context.Context, path string) (map[string]string, error) {
	limited, cancel := files.Looking(ctx)
	defer cancel()
	there, err := files.Within(limited, func() (fs.FileInfo, error) { return os.Lstat(path) })
	var text string
	if err == nil && !there.Mode().IsRegular() {
		err = files.ErrNotRegular
	}
	if err == nil {
		text, err = files.Read(limited, path, largestFile, func(opened fs.FileInfo) error {
			if !os.SameFile(there, opened) {
				return errors.New("it was replaced meanwhile")
			}
			return errForeign(path, opened)
		})
	}
	if errors.Is(err, fs.ErrPermission) {
		return nil, notYet(fmt.Errorf("read %s: %w; let the group of the user that this runs as read it: chgrp GROUP %[1]s && chmod 640 %[1]s", path, err))
	}
	if err != nil {
		return nil, notYet(fmt.Errorf("read %s: %w", path, err))
	}
	variables, err := godotenv.Unmarshal(text)
	if err != nil {
		return nil, fmt.Errorf("read %s: it cannot be parsed; write lines like NAME=value", path)
	}
	return variables, nil
}

// errForeign says why a file may have been written by somebody else than root and the effective user.
func errForeign(path string, info fs.FileInfo) error {
	system, isKnown := info.Sys().(*syscall.Stat_t)
	if !isKnown || system.Uid != 0 && int(system.Uid) != os.Geteuid() {
		return errors.New("it belongs to another user; have root or the user that this runs as own it")
	}
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("group or others may write it; chmod go-w %s", path)
	}
	return nil
}

// readSecretFile reads a file of up to 1 MiB, or a pipe that a service manager passes a secret by. White space around the secret does not
// count, and no secret is an error.
func readSecretFile(path string) (string, error) {
	file, err := os.Open(path) //nolint:gosec // G304: a variable names it
	if err != nil {
		return "", notYet(err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, largestFile+1))
	secret := strings.TrimSpace(string(data))
	switch {
	case err != nil:
		return "", notYet(err)
	case len(data) > largestFile:
		return "", fmt.Errorf("read %s: it is larger than 1 MiB", path)
	case secret == "":
		return "", notYetError{fmt.Errorf("read %s: it is empty", path)}
	}
	return secret, nil
}
