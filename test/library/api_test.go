// Package library tests what programs that embed the server rely on: the exported API, and what they link.
package library

import (
	"bytes"
	"flag"
	"go/ast"
	"go/build"
	"go/doc"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write testdata/api anew")

// packages are those that programs may import.
var packages = []string{"actors", "actors/actorstest", "actors/fleet", "client", "loadtest", "loadtest/report", "storage", "storage/mysql", "storage/postgres", "storage/sqlite", "transport", "transport/frame", "transport/monitor", "transport/nextcloud", "transport/selftest"}

// What is exported is listed in testdata/api, so that no change of it is by accident. With -update the lists
// are written anew; what changed is then said in CHANGELOG.md.
func TestExportedAPI(t *testing.T) {
	for _, name := range packages {
		golden := filepath.Join("../../testdata/api", strings.ReplaceAll(name, "/", "_")+".txt")
		got := exported(t, name)
		if *update {
			require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
		}
		want, err := os.ReadFile(golden)
		require.NoError(t, err)
		require.Equal(t, string(want), got, "the API of %s is another one; if that is meant: go test ./test/library -update, and CHANGELOG.md", name)
	}
}

// exported returns the declarations of what a package exports, as on Linux, without comments.
func exported(t *testing.T, name string) string {
	t.Helper()
	context := build.Default
	context.GOOS, context.GOARCH = "linux", "amd64"
	folder := filepath.Join("../..", name)
	found, err := context.ImportDir(folder, 0)
	require.NoError(t, err)
	fileset := token.NewFileSet()
	var files []*ast.File
	for _, file := range found.GoFiles {
		parsed, err := parser.ParseFile(fileset, filepath.Join(folder, file), nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		ast.Inspect(parsed, func(node ast.Node) bool {
			if field, is := node.(*ast.Field); is {
				field.Tag = nil // the settings of the daemon
			}
			return true
		})
		files = append(files, parsed)
	}
	documented, err := doc.NewFromFiles(fileset, files, "github.com/notifypush/notifypush/"+name)
	require.NoError(t, err)
	var out bytes.Buffer
	write := func(node ast.Node) {
		require.NoError(t, format.Node(&out, fileset, node))
		out.WriteByte('\n')
	}
	values := func(groups ...[]*doc.Value) {
		for _, group := range groups {
			for _, value := range group {
				write(value.Decl)
			}
		}
	}
	functions := func(groups ...[]*doc.Func) {
		for _, group := range groups {
			for _, function := range group {
				function.Decl.Body = nil
				write(function.Decl)
			}
		}
	}
	values(documented.Consts, documented.Vars)
	functions(documented.Funcs)
	for _, typ := range documented.Types {
		write(typ.Decl)
		values(typ.Consts, typ.Vars)
		functions(typ.Funcs, typ.Methods)
	}
	return out.String()
}
