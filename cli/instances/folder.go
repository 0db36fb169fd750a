// Package instances knows which Nextclouds a folder names, and which of them a request means.
package instances

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/internal/files"
)

// maxFiles is how many files the folder may hold.
const maxFiles = 10_000

// Found is an instance that the folder names.
type Found struct {
	Name string
	config.InstanceFiles
	// Look is how the files look from outside. It changes when one of them is written, or a link leads elsewhere; not with what the link leads to.
	Look string
}

// validName is what can be a part of a path and a label.
var validName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// served are what paths name of an instance, and may follow its name.
var served = []string{"ws", "test", "version", "readyz", "fleet"}

// CheckName returns why an instance cannot be called so.
func CheckName(name string) error {
	switch {
	case name == "push" || slices.Contains(served, strings.ToLower(name)): // which mean something else in a path
		return fmt.Errorf("no instance can be called %s, because paths begin so; rename its file", name)
	case !validName.MatchString(name):
		return fmt.Errorf("no instance can be called %q; a name has up to 63 letters, digits, dots, hyphens and underscores, and begins with a letter or a digit", name)
	}
	return nil
}

// Scan lists the instances of a folder, in order of their names. Other files, and those whose names begin with a dot, are none.
func Scan(ctx context.Context, folder string) ([]Found, error) {
	limited, cancel := files.Looking(ctx)
	defer cancel()
	entries, err := files.List(limited, folder, maxFiles)
	if err != nil {
		return nil, fmt.Errorf("list the instances: %w", err)
	}
	return files.Within(limited, func() ([]Found, error) {
		found := map[string]Found{}
		for _, entry := range entries { // in order of their names
			suffix := filepath.Ext(entry.Name())
			name := strings.TrimSuffix(entry.Name(), suffix)
			if suffix != ".env" && suffix != ".php" || strings.HasPrefix(name, ".") || name == "" {
				continue
			}
			path := filepath.Join(folder, entry.Name())
			look, err := lookOf(path)
			if errors.Is(err, fs.ErrNotExist) { // removed meanwhile
				continue
			}
			if err != nil {
				return nil, err
			}
			f := found[name]
			f.Name = name
			if suffix == ".env" {
				f.Variables = path
			} else {
				f.Config = path
			}
			f.Look += look
			found[name] = f
		}
		return slices.SortedFunc(maps.Values(found), func(a, b Found) int { return strings.Compare(a.Name, b.Name) }), nil
	})
}

func lookOf(path string) (string, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return "", err
	}
	target := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		target, _ = os.Readlink(path)
	}
	return fmt.Sprintf("%s %v %d %d %s\n", path, info.Mode(), info.Size(), info.ModTime().UnixNano(), target), nil
}
