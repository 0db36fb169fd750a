// Package nextcloud_test runs the push server in a whole Nextcloud, with the unmodified app notify_push.
//
// NEXTCLOUD_SOURCE names a folder with the archives nextcloud-*.tar.* and notify_push*.tar.*, as they are released; without
// it the tests are skipped.
package nextcloud_test

import (
	"flag"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/notifypush/notifypush/storage/storagetest"
)

func TestMain(m *testing.M) {
	// The tests that run side by side mostly wait. PHP has as many workers.
	flag.Parse()
	_ = flag.Set("test.parallel", "6")
	goleak.VerifyTestMain(m)
}

// tests are named, and tried on an installation.
type tests map[string]func(*installation, *testing.T)

// TestNextcloud puts up one installation for all tests: first those that run side by side, with users of their own, and
// then those that take parts of it away.
func TestNextcloud(t *testing.T) {
	source := os.Getenv("NEXTCLOUD_SOURCE")
	if source == "" {
		t.Skip("NEXTCLOUD_SOURCE does not name a folder with Nextcloud's archives")
	}
	i := install(t, source)
	i.binary = build(t)
	i.servePush(t)
	require.True(t, t.Run("Setup", i.testSetup))
	sideBySide(t, i, "Events", events)
	sideBySide(t, i, "Logins", logins)
	sideBySide(t, i, "Commands", commands)
	sideBySide(t, i, "Mounts", mounts)
	sideBySide(t, i, "StandIn", standIns)
	for _, name := range slices.Sorted(maps.Keys(faults)) {
		t.Run("Faults/"+name, func(t *testing.T) { faults[name](i, t) })
	}
}

func sideBySide(t *testing.T, i *installation, name string, group tests) {
	t.Run(name, func(t *testing.T) {
		for name, test := range group {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(i, t)
			})
		}
	})
}

// build builds the push server.
func build(t *testing.T) (binary string) {
	t.Helper()
	binary = filepath.Join(storagetest.Dir(t), "notify_push")
	output, err := exec.Command("go", "build", "-o", binary, "github.com/notifypush/notifypush").CombinedOutput()
	require.NoError(t, err, "%s", output)
	return binary
}
