package php

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

var fileFunctions = map[string]builtin{
	"file_get_contents": {1, 1, fileGetContents},
	"file_exists":       {1, 1, func(c *invocation) Value { return c.stat(func(fs.FileInfo) bool { return true }) }},
	"is_file":           {1, 1, func(c *invocation) Value { return c.stat(func(f fs.FileInfo) bool { return f.Mode().IsRegular() }) }},
	"is_dir":            {1, 1, func(c *invocation) Value { return c.stat(fs.FileInfo.IsDir) }},
	"is_readable":       {1, 1, isReadable},
	"realpath":          {1, 1, realpath},
	"dirname":           {1, 2, dirname},
	"basename":          {1, 2, basename},
	"pathinfo":          {1, 2, pathinfo},
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
	if _, err := os.Stat(path); err != nil || path == "" {
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

func (c *invocation) stat(is func(fs.FileInfo) bool) Value {
	name := c.string(0)
	if name == "" {
		return false
	}
	path, u, known := c.local(name)
	if !known {
		return u
	}
	info, err := os.Stat(path)
	switch {
	case err == nil:
		return is(info)
	case absent(err):
		return false
	}
	return c.unknown(fmt.Sprintf("the file %s cannot be looked at: %v", path, reason(err)))
}

func isReadable(c *invocation) Value {
	exists := c.stat(func(fs.FileInfo) bool { return true })
	if exists != true {
		return exists
	}
	path, _, _ := c.local(c.string(0))
	if err := unix.Access(path, unix.R_OK); err != nil {
		return c.unknown(fmt.Sprintf("the file %s is not readable for this process, perhaps for PHP's", path))
	}
	return true
}

func realpath(c *invocation) Value {
	path := c.string(0)
	if !filepath.IsAbs(path) {
		return c.unknown("realpath() of a relative path is not evaluated")
	}
	exists := c.stat(func(fs.FileInfo) bool { return true })
	if exists == true {
		return realPath(path)
	}
	return exists
}

func dirname(c *invocation) Value {
	path, levels := c.string(0), c.intOr(1, 1)
	if levels < 1 {
		c.throw("ValueError", "dirname(): at least one level has to go")
	}
	for range min(levels, int64(len(path))) {
		path = parent(path)
	}
	return path
}

// parent is dirname of one level.
func parent(path string) string {
	if path == "" {
		return ""
	}
	trimmed := strings.TrimRight(path, "/")
	i := strings.LastIndexByte(trimmed, '/')
	switch {
	case trimmed == "":
		return "/"
	case i < 0:
		return "."
	}
	if up := strings.TrimRight(trimmed[:i], "/"); up != "" {
		return up
	}
	return "/"
}

func basename(c *invocation) Value {
	base := lastPart(c.string(0))
	if c.has(1) {
		if short := strings.TrimSuffix(base, c.string(1)); short != "" {
			return short
		}
	}
	return base
}

func lastPart(path string) string {
	trimmed := strings.TrimRight(path, "/")
	return trimmed[strings.LastIndexByte(trimmed, '/')+1:]
}

func pathinfo(c *invocation) Value {
	base := lastPart(c.string(0))
	info := &Array{}
	if folder := parent(c.string(0)); folder != "" {
		c.put(info, "dirname", folder, c.here)
	}
	c.put(info, "basename", base, c.here)
	if dot := strings.LastIndexByte(base, '.'); dot >= 0 {
		c.put(info, "extension", base[dot+1:], c.here)
		base = base[:dot]
	}
	c.put(info, "filename", base, c.here)
	if !c.has(1) {
		return info
	}
	key, isOne := map[int64]string{1: "dirname", 2: "basename", 4: "extension", 8: "filename"}[c.int(1)]
	part := info.find(key)
	switch {
	case !isOne:
		return c.unknown("pathinfo() with these flags is not evaluated")
	case part == nil:
		return ""
	}
	return part.value
}

// glob knows patterns of * and ? for the files of a folder.
func glob(c *invocation) Value {
	pattern := c.string(0)
	folder, base := filepath.Split(pattern)
	if _, _, known := c.local(folder); !known || strings.ContainsAny(folder, "*?") || strings.ContainsAny(pattern, `[]{}\`) {
		return c.unknown("glob() of this pattern is not evaluated")
	}
	entries, err := os.ReadDir(folder)
	if err != nil && !absent(err) {
		return c.unknown(fmt.Sprintf("the folder %s cannot be read: %v", folder, reason(err)))
	}
	c.budget.spend(len(entries)*256 + 4*lookCost)
	found := &Array{}
	for _, entry := range entries {
		if matches, _ := filepath.Match(base, entry.Name()); matches && (entry.Name()[0] != '.' || base[0] == '.') {
			c.put(found, nil, folder+entry.Name(), c.here)
		}
	}
	return found
}
