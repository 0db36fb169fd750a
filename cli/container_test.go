package cli

import (
	"encoding/json"
	"os"
	"path"
	"reflect"
	"regexp"
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
	require.Regexp(t, `(?m)^go `+regexp.MustCompile(`golang:([0-9.]+) `).FindStringSubmatch(dockerfile)[1], string(module))

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
			}
		}
	}
	require.NoError(t, yaml.Unmarshal(text, &file))
	push := file.Services.Push
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
