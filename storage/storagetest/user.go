//go:build unix

package storagetest

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// AsUser runs the calling test once more in a process of another user and group, with these variables
// ("NAME=value") in its environment, and fails when that fails. It returns true in that process. Only
// root can: as anybody else it skips the test.
func AsUser(t *testing.T, uid, gid uint32, variables ...string) (here bool) {
	t.Helper()
	const marker = "TEST_AS_USER"
	if os.Getenv(marker) != "" {
		return true
	}
	if os.Getuid() != 0 {
		t.Skip("only root can become another user")
	}
	binary := filepath.Join(Dir(t), "test")
	content, err := os.ReadFile(os.Args[0])
	if err == nil {
		err = os.WriteFile(binary, content, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	again := exec.Command(binary, "-test.run", "^"+t.Name()+"$")
	again.Dir = "/"
	again.Env = append(append(os.Environ(), "HOME=/nowhere", marker+"=1"), variables...)
	again.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid}}
	if output, err := again.CombinedOutput(); err != nil {
		t.Fatalf("as user %d: %v\n%s", uid, err, output)
	}
	return false
}
