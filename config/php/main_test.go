package php

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// requirePHP skips a test where there is no php to compare with, unless services are required.
func requirePHP(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("php"); err != nil {
		if os.Getenv("REQUIRE_SERVICES") == "1" {
			t.Fatal("there is no php on the PATH, and REQUIRE_SERVICES=1")
		}
		t.Skip("there is no php on the PATH")
	}
}

// source writes a configuration file into a folder of its own and returns its path.
func writeConfig(t testing.TB, content string) string {
	t.Helper()
	path := t.TempDir() + "/config/config.php"
	if err := os.Mkdir(strings.TrimSuffix(path, "/config.php"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
