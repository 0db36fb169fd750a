package test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/storage/storagetest"
)

const systemdAnalyze = "systemd-analyze" //nolint:misspell // its name

var deployedUnits = []string{"notify_push.service", "notify_push@.service"}

func deployed(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "docs", "deploy", name))
	require.NoError(t, err)
	return string(text)
}

// writeUnit writes a unit, with a program that there is, where systemd can read it.
func writeUnit(t *testing.T, name, text string) (path string) {
	t.Helper()
	program, err := os.Executable()
	require.NoError(t, err)
	require.Contains(t, text, "/usr/local/bin/notify_push")
	path = filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(strings.ReplaceAll(text, "/usr/local/bin/notify_push", program)), 0o600))
	return path
}

// TestUnitsAreConfined has systemd judge the units: 15 is an exposure of 1.5 of 10.
func TestUnitsAreConfined(t *testing.T) {
	t.Parallel()
	analyst := storagetest.Program(t, systemdAnalyze)
	judge := func(path string, arguments ...string) (string, error) {
		output, err := exec.Command(analyst, append(arguments, path)...).CombinedOutput()
		return string(output), err
	}
	for _, name := range deployedUnits {
		text := deployed(t, name)
		path := writeUnit(t, strings.Replace(name, "@.", "@cloud.", 1), text)
		output, err := judge(path, "verify")
		require.NoError(t, err, output)
		require.Empty(t, output, name)
		output, err = judge(path, "security", "--offline=true", "--threshold=15")
		require.NoError(t, err, output)

		path = writeUnit(t, "open.service", strings.ReplaceAll(text, "SystemCallFilter=", "#SystemCallFilter="))
		_, err = judge(path, "security", "--offline=true", "--threshold=15")
		require.Error(t, err, "the threshold notices what is missing")
	}
	socket := strings.ReplaceAll(deployed(t, "notify_push.socket"), "[Socket]\n", "[Socket]\nService=notify_push.service\n")
	folder := filepath.Dir(writeUnit(t, "notify_push.service", deployed(t, "notify_push.service")))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "notify_push.socket"), []byte(socket), 0o600))
	output, err := judge(filepath.Join(folder, "notify_push.socket"), "verify")
	require.NoError(t, err, output)
	require.Empty(t, output)
}

// TestTemplateUnitOfACustomer has systemd judge the template unit with its socket, and with a user and limits of its own.
func TestTemplateUnitOfACustomer(t *testing.T) {
	t.Parallel()
	analyst := storagetest.Program(t, systemdAnalyze)
	service := writeUnit(t, "notify_push@.service", deployed(t, "notify_push@.service"))
	folder := filepath.Dir(service)
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	write("notify_push@.service.d/customer.conf", deployed(t, "notify_push@-customer.conf"))
	write("notify_push@.socket", deployed(t, "notify_push@.socket"))
	// There has to be a user of that name.
	for _, unit := range []string{"notify_push@www-data.service", "notify_push@www-data.socket"} {
		cmd := exec.Command(analyst, "verify", "--recursive-errors=no", unit)
		cmd.Env = append(os.Environ(), "SYSTEMD_UNIT_PATH="+folder+":")
		output, err := cmd.CombinedOutput()
		require.NoError(t, err, string(output))
		require.Empty(t, string(output), unit)
	}
	write("notify_push@.service.d/wrong.conf", "[Service]\nMemoryMax=much\n")
	cmd := exec.Command(analyst, "verify", "--recursive-errors=no", "notify_push@www-data.service")
	cmd.Env = append(os.Environ(), "SYSTEMD_UNIT_PATH="+folder+":")
	output, _ := cmd.CombinedOutput()
	require.Contains(t, string(output), "wrong.conf", "the folder counts")
}

// TestTemplateUnitIsTheUnit has all of what confines one in the other.
func TestTemplateUnitIsTheUnit(t *testing.T) {
	t.Parallel()
	confined := func(name string) string {
		_, after, found := strings.Cut(deployed(t, name), "# From here on")
		require.True(t, found, name)
		return after
	}
	require.Equal(t, confined(deployedUnits[0]), confined(deployedUnits[1]))
}

// allowedCalls are the system calls that a unit allows, as the installed systemd understands its sets.
func allowedCalls(t *testing.T, unit string) (allowed []string) {
	t.Helper()
	output, err := exec.Command(storagetest.Program(t, systemdAnalyze), "syscall-filter").Output()
	require.NoError(t, err)
	sets, set := map[string][]string{}, ""
	for line := range strings.Lines(string(output)) {
		word, indented := strings.TrimSpace(line), strings.HasPrefix(line, " ")
		switch {
		case word == "" || strings.HasPrefix(word, "#"):
		case indented:
			sets[set] = append(sets[set], word)
		default:
			set = word
		}
	}
	var expand func(word string) []string
	expand = func(word string) (calls []string) {
		if !strings.HasPrefix(word, "@") {
			return []string{word}
		}
		require.NotEmpty(t, sets[word], word)
		for _, member := range sets[word] {
			calls = append(calls, expand(member)...)
		}
		return calls
	}
	lines := regexp.MustCompile(`(?m)^SystemCallFilter=(~?)(.*)$`).FindAllStringSubmatch(unit, -1)
	require.NotEmpty(t, lines)
	allowed = expand("@default") // which systemd adds
	for _, line := range lines {
		for word := range strings.FieldsSeq(line[2]) {
			calls := expand(word)
			if line[1] == "~" {
				allowed = slices.DeleteFunc(allowed, func(call string) bool { return slices.Contains(calls, call) })
			} else {
				allowed = append(allowed, calls...)
			}
		}
	}
	return allowed
}

// TestServesConfinedAsTheUnitSays runs the binary without any capability and under the filter of the unit, where each call that the filter
// does not allow ends the process: a login, pushes, a question to PHP and a reload need none.
func TestServesConfinedAsTheUnitSays(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	python, setpriv := "/usr/bin/python3", storagetest.Program(t, "setpriv") // Debian's own, which Debian's packages are for
	php := storagetest.Program(t, "php")
	if output, err := exec.Command(python, "-c", "import seccomp").CombinedOutput(); err != nil {
		require.Empty(t, os.Getenv("REQUIRE_SERVICES"), "python3-seccomp is not installed: %s", output)
		t.Skip("python3-seccomp is not installed")
	}
	allowed := filepath.Join(t.TempDir(), "allowed")
	calls := allowedCalls(t, deployed(t, "notify_push.service"))
	if os.Geteuid() == 0 { // SQLite gives its files to the database's owner then; the unit's user is not root
		calls = append(calls, "fchown")
	}
	require.NoError(t, os.WriteFile(allowed, []byte(strings.Join(calls, "\n")), 0o600))
	script, err := filepath.Abs("testdata/confine.py")
	require.NoError(t, err)
	binary := filepath.Join(t.TempDir(), "notify_push") // without the race detector, which needs other calls
	output, err := exec.Command("go", "build", "-o", binary, "github.com/notifypush/notifypush").CombinedOutput()
	require.NoError(t, err, string(output))

	s := newSite(t)
	s.mounts.Mount(7, "alice", "files")
	confined := []string{setpriv, "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", python, script, allowed}
	s.wrapper = append(slices.Clone(confined), "/bin/sh", "-c", `shift; exec "$0" "$@"`, binary)
	config := filepath.Join(t.TempDir(), "config.php")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, `<?php $CONFIG = ['redis' => ['host' => '127.0.0.1', 'port' => (int) shell_exec('echo %d')]];`, s.redis.Port), 0o600))
	p := s.start(config, "DATABASE_URL="+s.database, "NEXTCLOUD_URL="+s.url+"/", "BIND=127.0.0.1", "DEBOUNCE_DISABLE=1", "LOG=info", "PATH="+filepath.Dir(php)+":/bin",
		"PHP_INI_SCAN_DIR=/nonexistent") // what libraries of PHP's extensions try, such as set_mempolicy, is an error under systemd, and the end here
	p.awaitServing()
	p.requireWorks(p.tcp())
	p.signal(syscall.SIGHUP)
	p.awaitLog("configuration read again")
	p.terminate()

	chown, err := exec.Command(confined[0], append(confined[1:], storagetest.Program(t, "chroot"), "/", "/bin/true")...).CombinedOutput()
	require.Error(t, err, "what the filter does not allow ends a process: %s", chown)
	require.Contains(t, err.Error(), "bad system call")
}

// TestNixOSConfinesAsTheUnit evaluates the module, without nixpkgs, and compares what confines the service.
func TestNixOSConfinesAsTheUnit(t *testing.T) {
	t.Parallel()
	nix := storagetest.Program(t, "nix-instantiate")
	module, err := filepath.Abs("../docs/deploy/notify_push.nix")
	require.NoError(t, err)
	command := exec.Command(nix, "--eval", "--strict", "--json", "--expr", fmt.Sprintf(`(import %s {
		lib.fakeHash = "";
		pkgs = { buildGoModule = package: package; fetchFromGitHub = source: source; };
	}).systemd.services.nextcloud-notify_push.serviceConfig`, module))
	folder := t.TempDir()
	command.Env = append(os.Environ(), "NIX_STORE_DIR="+folder+"/store", "NIX_STATE_DIR="+folder+"/state", "NIX_LOG_DIR="+folder+"/log")
	output, err := command.Output()
	require.NoError(t, err)
	var evaluated map[string]any
	require.NoError(t, json.Unmarshal(output, &evaluated))

	_, confined, _ := strings.Cut(deployed(t, "notify_push.service"), "# From here on")
	expected := map[string]any{"LimitNOFILE": 131072.0, "TimeoutStopSec": "20s"}
	for _, line := range regexp.MustCompile(`(?m)^(\w+)=(.*)$`).FindAllStringSubmatch(confined, -1) {
		var value any = line[2]
		switch before, listed := expected[line[1]]; {
		case line[1] == "WantedBy":
			continue
		case value == "yes":
			value = true
		case listed:
			value = []any{before, value}
		}
		expected[line[1]] = value
	}
	require.Equal(t, expected, evaluated)
}

// TestAnsiblePlaybookIsOne has Ansible read the playbook, and the files that it copies be there.
func TestAnsiblePlaybookIsOne(t *testing.T) {
	t.Parallel()
	ansible := storagetest.Program(t, "ansible-playbook")
	output, err := exec.Command(ansible, "--syntax-check", "--inventory", "localhost,", "../docs/deploy/ansible.yaml").CombinedOutput()
	require.NoError(t, err, string(output))
	for _, found := range regexp.MustCompile(`(?m)^ +src: (.*)$`).FindAllStringSubmatch(deployed(t, "ansible.yaml"), -1) {
		if found[1] != "notify_push" { // the binary
			require.FileExists(t, filepath.Join("../docs/deploy", found[1]))
		}
	}
}
