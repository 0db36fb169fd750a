package php

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/notifypush/notifypush/internal/files"
)

var fileFunctions = map[string]builtin{
	"file_get_contents": {1, 1, fileGetContents},
	"file_exists":       {1, 1, func(c *invocation) Value { return c.stat(anything) }},
	"is_file":           {1, 1, func(c *invocation) Value { return c.stat(func(f fs.FileInfo) bool { return f.Mode().IsRegular() }) }},
	"is_dir":            {1, 1, func(c *invocation) Value { return c.stat(fs.FileInfo.IsDir) }},
	"is_readable":       {1, 1, isReadable},
	"realpath":          {1, 1, realpath},
	"glob":              {1, 1, glob},
}

// local turns the name of a file into a path, or says why PHP may mean something else by it. What PHP's working directory is
// nobody knows: a relative name counts when there is such a file here.
func (e *evaluator) local(name string) (path string, u unknown, known bool) {
	e.budget.spend(lookCost + 4*len(name))
	path, _ = strings.CutPrefix(name, "file://")
	switch {
	case strings.Contains(path, "://"), strings.HasPrefix(path, "data:"), strings.Contains(path, "\x00"):
		return "", e.unknown("a name that is no path of a file"), false
	case filepath.IsAbs(path):
		return path, unknown{}, true
	}
	if _, err := stat(e.budget, path); err != nil || path == "" {
		return "", e.unknown("a relative path depends on where PHP runs"), false
	}
	return path, unknown{}, true
}

// lookCost is about what looking for a file takes in bytes, besides its name.
const lookCost = 1024

// absent says whether an error means that there is no such file, for PHP just as for this process.
func absent(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) }

// fileGetContents gives a string, false if there is no such file, or unknown if this process cannot read it and PHP perhaps can.
func fileGetContents(c *invocation) Value {
	path, u, known := c.local(c.string(0))
	if !known {
		return u
	}
	content, err := readFile(path, c.budget)
	switch {
	case err == nil:
		c.budget.spend(len(content))
		return content
	case absent(err):
		c.warn(fmt.Sprintf("%s(): there is no file %s, and PHP reads false there", c.name, path))
		return false
	}
	return c.unknown(fmt.Sprintf("the file %s %v", path, err))
}

func anything(fs.FileInfo) bool { return true }

func (c *invocation) stat(is func(fs.FileInfo) bool) Value {
	name := c.string(0)
	if name == "" {
		return false
	}
	path, u, known := c.local(name)
	if !known {
		return u
	}
	info, err := stat(c.budget, path)
	switch {
	case err == nil:
		return is(info)
	case absent(err):
		return false
	}
	return c.unknown(fmt.Sprintf("the file %s cannot be looked at: %v", path, reason(err)))
}

func isReadable(c *invocation) Value {
	exists := c.stat(anything)
	if exists != true {
		return exists
	}
	path, _, _ := c.local(c.string(0))
	_, err := look(c.budget, func(ctx context.Context) (any, error) {
		return files.Within(ctx, func() (any, error) { return nil, unix.Access(path, unix.R_OK) })
	})
	if err != nil {
		return c.unknown(fmt.Sprintf("the file %s is not readable for this process, perhaps for PHP's", path))
	}
	return true
}

func realpath(c *invocation) Value {
	path := c.string(0)
	if !filepath.IsAbs(path) {
		return c.unknown("realpath() of a relative path is not evaluated")
	}
	exists := c.stat(anything)
	if exists == true {
		return realPath(path, c.budget)
	}
	return exists
}

// A folder of more entries is not listed. entryCost is about what one takes in bytes.
const maxEntries, entryCost = 10_000, 256

// glob knows patterns of * and ? for the files of a folder.
func glob(c *invocation) Value {
	pattern := c.string(0)
	folder, base := filepath.Split(pattern)
	if _, _, known := c.local(folder); !known || strings.ContainsAny(folder, "*?") || strings.ContainsAny(pattern, `[]{}\`) {
		return c.unknown("glob() of this pattern is not evaluated")
	}
	c.budget.spend(4 * lookCost)
	entries, err := look(c.budget, func(ctx context.Context) ([]fs.DirEntry, error) {
		return files.List(ctx, folder, min(maxEntries, c.budget.memory/entryCost))
	})
	if err != nil && !absent(err) {
		return c.unknown(fmt.Sprintf("the folder %s cannot be read: %v", folder, reason(err)))
	}
	c.budget.spend(len(entries) * entryCost)
	found := &Array{}
	for _, entry := range entries {
		if matches, _ := filepath.Match(base, entry.Name()); matches && (entry.Name()[0] != '.' || base[0] == '.') {
			c.put(found, nil, folder+entry.Name(), c.here)
		}
	}
	return found
}
