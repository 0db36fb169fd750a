package cli

import (
	"encoding/json"
	"os"
	"os/exec"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/notifypush/notifypush/config"
)

// words are the arguments of an instruction of a Dockerfile that are a JSON array.
func words(t *testing.T, dockerfile, instruction string) (words []string) {
	found := regexp.MustCompile(`(?m)^` + instruction + ` (\[.*\])$`).FindStringSubmatch(dockerfile)
	require.NotNil(t, found, instruction)
	require.NoError(t, json.Unmarshal([]byte(found[1]), &words))
	return words
}

// variables are all that are read from the environment.
func variables() (names []string) {
	for _, declared := range config.Declarations() {
		names = append(names, declared.Variable)
	}
	return names
}

func TestDockerfileUsesWhatThereIs(t *testing.T) {
	text, err := os.ReadFile("../docs/deploy/Dockerfile")
	require.NoError(t, err)
	dockerfile := string(text)

	require.Contains(t, dockerfile, "-X "+reflect.TypeFor[commandLine]().PkgPath()+".version=")
	module, err := os.ReadFile("../go.mod")
	require.NoError(t, err)
	require.Regexp(t, `(?m)^go `+regexp.MustCompile(`golang:([0-9.]+)@`).FindStringSubmatch(dockerfile)[1], string(module))
	for line := range strings.Lines(dockerfile) {
		if base, found := strings.CutPrefix(line, "FROM "); found && base != "scratch\n" {
			require.Regexp(t, `@sha256:[0-9a-f]{64} `, base, "a base is named by its digest")
		}
	}

	program := words(t, dockerfile, "ENTRYPOINT")
	folder := regexp.MustCompile(`(?m)^COPY --from=build /notify_push (.*)$`).FindStringSubmatch(dockerfile)[1]
	require.Equal(t, []string{path.Join(folder, "notify_push")}, program)
	requireReadable(t, "CMD", words(t, dockerfile, "CMD"))
	health := words(t, dockerfile, "HEALTHCHECK .* CMD")
	require.Equal(t, program[0], health[0])
	requireReadable(t, "HEALTHCHECK", health[1:])

	set := regexp.MustCompile(`(?m)^ENV (.*)$`).FindStringSubmatch(dockerfile)[1]
	require.Contains(t, set, "METRICS_PORT=", "without it, nobody tells the health check anything")
	for pair := range strings.FieldsSeq(set) {
		name, _, _ := strings.Cut(pair, "=")
		require.Contains(t, variables(), name)
	}
}

func TestComposeFileUsesWhatThereIs(t *testing.T) {
	text, err := os.ReadFile("../docs/deploy/compose.yaml")
	require.NoError(t, err)
	var file struct {
		Services struct {
			Push struct {
				Volumes     []string
				Environment map[string]string
				ReadOnly    bool     `yaml:"read_only"`
				CapDrop     []string `yaml:"cap_drop"`
				SecurityOpt []string `yaml:"security_opt"`
			}
		}
	}
	require.NoError(t, yaml.Unmarshal(text, &file))
	push := file.Services.Push
	require.True(t, push.ReadOnly)
	require.Equal(t, []string{"ALL"}, push.CapDrop)
	require.Equal(t, []string{"no-new-privileges:true"}, push.SecurityOpt)
	require.Equal(t, []string{"config:/var/www/html/config:ro"}, push.Volumes, "config/ alone, read-only")
	require.Contains(t, string(text), `user: "82:82"`, "which is www-data in alpine images")
	require.NotEmpty(t, push.Environment)
	for name := range push.Environment {
		if name != "REDIS_HOST" { // of Nextcloud's image
			require.Contains(t, variables(), name)
		}
	}
	dockerfile, err := os.ReadFile("../docs/deploy/Dockerfile")
	require.NoError(t, err)
	_, mount, _ := strings.Cut(push.Volumes[0], ":")
	folder, _, _ := strings.Cut(mount, ":")
	require.True(t, strings.HasPrefix(words(t, string(dockerfile), "CMD")[0], folder+"/"), "config.php is in the volume")
}

// TestDockerfileGetsWhatItBuildsFrom has every folder that the program is made of sent to Docker, and no other.
func TestDockerfileGetsWhatItBuildsFrom(t *testing.T) {
	text, err := os.ReadFile("../.dockerignore")
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	require.Equal(t, "*", lines[1])
	var sent []string
	for _, line := range lines[2:] {
		if name, found := strings.CutPrefix(line, "!"); found {
			sent = append(sent, name)
		}
	}
	command := exec.Command("go", "list", "-deps", "-f", "{{if .Module}}{{if .Module.Main}}{{.ImportPath}}{{end}}{{end}}", "..")
	output, err := command.Output()
	require.NoError(t, err)
	needed := []string{"go.mod", "go.sum", "main.go"}
	for path := range strings.FieldsSeq(string(output)) {
		if _, below, found := strings.Cut(path, "/notifypush/notifypush/"); found {
			folder, _, _ := strings.Cut(below, "/")
			needed = append(needed, folder)
		}
	}
	slices.Sort(needed)
	require.ElementsMatch(t, slices.Compact(needed), sent)
}

func TestUnitIsReadyInTime(t *testing.T) {
	text, err := os.ReadFile("../docs/deploy/notify_push.service")
	require.NoError(t, err)
	found := regexp.MustCompile(`(?m)^TimeoutStartSec=(.*)$`).FindStringSubmatch(string(text))
	require.NotNil(t, found)
	timeout, err := time.ParseDuration(found[1])
	require.NoError(t, err)
	require.Greater(t, timeout, 2*latestReady, "systemd must not give up before the server calls itself ready")
	require.Contains(t, string(text), "\nRuntimeDirectory=notify_push\n", "which errors about SOCKET_PATH name")
}

func TestOpenRCKeepsTheReasonOfAFailure(t *testing.T) {
	text, err := os.ReadFile("../docs/deploy/notify_push.openrc")
	require.NoError(t, err)
	require.Contains(t, string(text), "\nerror_log=/")
	requireReadable(t, "command_args", regexp.MustCompile(`(?m)^command_args=(.*)$`).FindStringSubmatch(string(text))[1:])
	for pair := range strings.FieldsSeq(regexp.MustCompile(`(?m)^export (.*)$`).FindStringSubmatch(string(text))[1]) {
		name, _, _ := strings.Cut(pair, "=")
		require.Contains(t, variables(), name)
	}
}

// TestChartUsesWhatThereIs holds the chart to the image and to the server's own times; .ci/chart has Helm read it.
func TestChartUsesWhatThereIs(t *testing.T) {
	text, err := os.ReadFile("../docs/deploy/helm/templates/deployment.yaml")
	require.NoError(t, err)
	chart := string(text)
	dockerfile, err := os.ReadFile("../docs/deploy/Dockerfile")
	require.NoError(t, err)
	program := words(t, string(dockerfile), "ENTRYPOINT")[0]
	probes := regexp.MustCompile(`exec: \{command: \[(.*)\]\}`).FindAllStringSubmatch(chart, -1)
	require.Len(t, probes, 1)
	require.Contains(t, chart, `httpGet: {path: "/readyz?for=balancer", port: push}`)
	for _, probe := range probes {
		command := strings.Split(probe[1], ", ")
		require.Equal(t, program, command[0])
		requireReadable(t, "probe", command[1:])
	}
	require.Contains(t, chart, `"`+words(t, string(dockerfile), "CMD")[0]+`"`)
	require.Contains(t, variables(), "NEXTCLOUD_URL")

	text, err = os.ReadFile("../docs/deploy/helm/values.yaml")
	require.NoError(t, err)
	var values struct {
		LameDuck                      string `yaml:"lameDuck"`
		TerminationGracePeriodSeconds int    `yaml:"terminationGracePeriodSeconds"`
	}
	require.NoError(t, yaml.Unmarshal(text, &values))
	lameDuck, err := time.ParseDuration(values.LameDuck)
	require.NoError(t, err)
	require.Contains(t, variables(), "LAME_DUCK")
	require.Contains(t, chart, "- name: LAME_DUCK\n              value: {{ .Values.lameDuck | quote }}")
	var drain time.Duration
	for _, declared := range config.Declarations() {
		if declared.Variable == "DRAIN_TIMEOUT" {
			drain, err = time.ParseDuration(declared.Default)
			require.NoError(t, err)
		}
	}
	require.Positive(t, drain)
	require.Greater(t, time.Duration(values.TerminationGracePeriodSeconds)*time.Second, lameDuck+drain+closeTimeout)
}
