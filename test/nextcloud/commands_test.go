package nextcloud_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// commands are the app's occ commands and our own, for administrators.
var commands = tests{
	"SelfTest":      (*installation).testSelfTest,
	"Metrics":       (*installation).testMetrics,
	"Check":         (*installation).testCheck,
	"Doctor":        (*installation).testDoctor,
	"Listen":        (*installation).testListen,
	"ListenPreAuth": (*installation).testListenPreAuth,
	"ListenRefused": (*installation).testListenRefused,
}

// testSetup has the app try everything that it can, keep our address and tell clients.
func (i *installation) testSetup(t *testing.T) {
	output := i.occ(t, "notify_push:setup", i.url+"/push")
	require.Contains(t, output, "configuration saved")
	eventually(t, "clients receive it", func() bool { // PHP keeps what it has read for some seconds
		var got struct {
			Capabilities struct {
				Push struct {
					Endpoints map[string]string
				} `json:"notify_push"`
			}
		}
		require.NoError(t, json.Unmarshal(i.admin().ocs(t, http.MethodGet, "cloud/capabilities", nil), &got))
		return got.Capabilities.Push.Endpoints["websocket"] == strings.Replace(i.url, "http", "ws", 1)+"/push/ws"
	})
}

// testSelfTest runs as occ does, whose status says whether all is well.
func (i *installation) testSelfTest(t *testing.T) {
	require.Equal(t, 6, strings.Count(i.occ(t, "notify_push:self-test"), "✓"))
}

func (i *installation) testMetrics(t *testing.T) {
	alice := i.newAccount(t)
	client := alice.connect(t)
	i.publish(t, alice.id, "count this")
	client.awaitText("count this")
	output := i.occ(t, "notify_push:metrics")
	require.NotContains(t, output, "Active connection count: 0\n")
	require.NotContains(t, output, "Messages sent (custom): 0\n")
}

// testCheck has nothing to complain about an installation on which push works.
func (i *installation) testCheck(t *testing.T) {
	command := i.pushCommand("check")
	output := i.run(t, command[0], command[1:]...)
	for line := range strings.Lines(output) {
		require.NotRegexp(t, "^(red|yellow) ", line, output)
	}
}

// testDoctor has only the missing certificate to complain about.
func (i *installation) testDoctor(t *testing.T) {
	alice := i.newAccount(t)
	output := i.run(t, i.binary, "doctor", i.url, alice.id, alice.password, "--quick", "--config", i.configFile())
	require.Equal(t, 1, strings.Count(output, "yellow  "), output)
	require.Contains(t, output, "push: an event took")
}

func (i *installation) testListen(t *testing.T)        { i.listen(t) }
func (i *installation) testListenPreAuth(t *testing.T) { i.listen(t, "--pre-auth") }

// listen runs our own test client, which knows nothing but Nextcloud's address, until it got one push.
func (i *installation) listen(t *testing.T, flags ...string) {
	t.Helper()
	alice := i.newAccount(t)
	command := exec.CommandContext(t.Context(), i.binary, append([]string{"listen", i.url, alice.id, "--file-ids", "--json", "--count=1"}, flags...)...)
	command.Env = []string{"NOTIFY_PUSH_PASSWORD=" + alice.password}
	stdout, err := command.StdoutPipe()
	require.NoError(t, err)
	stderr, err := command.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	for lines := bufio.NewScanner(stderr); !strings.HasPrefix(lines.Text(), "Logged in"); {
		require.True(t, lines.Scan(), "it ends without a login")
	}
	file := alice.upload(t, "file.txt")
	output, err := io.ReadAll(stdout)
	require.NoError(t, err)
	require.NoError(t, command.Wait())
	var push struct {
		FileIDs []uint64 `json:"file_ids"`
	}
	require.NoError(t, json.Unmarshal(output, &push), "%s", output)
	require.Contains(t, push.FileIDs, file)
}

// testListenRefused has Nextcloud answer the right password of a user who needs a second factor as if nobody were logged in.
func (i *installation) testListenRefused(t *testing.T) {
	alice := i.newAccount(t)
	i.occ(t, "twofactorauth:enforce", "--on", "--group", i.newGroup(t, alice))
	output, err := i.command(i.binary, "listen", i.url, alice.id, alice.password).CombinedOutput()
	require.ErrorContains(t, err, "exit status 3")
	require.Contains(t, string(output), "app password")
}
