package test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/demo/nextcloud"
	"github.com/notifypush/notifypush/internal/testkit"
	"github.com/notifypush/notifypush/storage/storagetest"
)

// host is a folder of instances, each of which is a site, and the process that serves them.
type host struct {
	*pushServer
	folder string
	sites  map[string]*site
}

// newHost has a folder with an instance for each name, and starts nothing yet.
func newHost(t *testing.T, names ...string) *host {
	t.Helper()
	onlyHere(t)
	h := &host{folder: storagetest.Dir(t), sites: map[string]*site{}}
	for _, name := range names {
		h.add(t, name)
	}
	return h
}

// add makes a site, with a user who is called like it, and the file of its instance, with further lines.
func (h *host) add(t *testing.T, name string, lines ...string) {
	t.Helper()
	s := newSite(t)
	s.addUser(name)
	s.mounts.Mount(7, name, "files")
	h.sites[name] = s
	h.write(t, name, lines...)
}

func (h *host) write(t *testing.T, name string, lines ...string) {
	t.Helper()
	s := h.sites[name]
	all := append([]string{"REDIS_URL=" + s.redis.URL(), "DATABASE_URL=" + s.database, "NEXTCLOUD_URL=" + s.url + "/", "INSTANCE_HOSTS=" + hostOf(name)}, lines...)
	h.writeFile(t, name+".env", strings.Join(all, "\n"))
}

func (h *host) writeFile(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(h.folder, name)
	require.NoError(t, os.WriteFile(path+".new", []byte(text), 0o600))
	require.NoError(t, os.Rename(path+".new", path))
}

func hostOf(name string) string { return "cloud." + name + ".example" }

// serve starts the process, and waits until it serves.
func (h *host) serve(t *testing.T, words ...string) {
	t.Helper()
	for _, s := range h.sites {
		h.pushServer = s.start(append([]string{"--instances", h.folder, "BIND=127.0.0.1", "LOG=info", "DEBOUNCE_DISABLE=1"}, words...)...)
		break
	}
	h.awaitAnswer("tcp", h.address())
	for name := range h.sites { // it would refresh a client that came before it knew of its subscription
		h.awaitHearing(name)
	}
}

// awaitHearing waits until an instance is served, and knows that it hears its Redis.
func (h *host) awaitHearing(name string) {
	h.t.Helper()
	h.await(name+" hears its Redis", func() bool {
		i, is := h.instances()[name]
		return is && i.Served && i.Problems["redis"] == ""
	})
}

// dialAs opens a websocket by a name that leads here.
func (h *host) dialAs(host, path string) *pushClient {
	h.t.Helper()
	c, _ := dialEndpoint(h.t, endpoint{network: "tcp", address: h.address(), url: "ws://" + host + path})
	return c
}

// loginAt logs the user in who is called like the instance.
func (h *host) loginAt(name string) *pushClient {
	h.t.Helper()
	c := h.dialAs(hostOf(name), "/ws")
	c.logIn(name, passwordOf(name))
	return c
}

// requirePushed has an instance's client hear what its own Nextcloud publishes.
func (h *host) requirePushed(c *pushClient, name string) {
	h.t.Helper()
	text := fmt.Sprint("event ", time.Now().UnixNano())
	require.Equal(h.t, 1, h.sites[name].publish("notify_custom", customEvent(name, text).payload))
	c.expect(text)
}

// instance is what the operators' listener says of one.
type instanceStatus struct {
	Name        string
	Served      bool
	Ready       bool
	Problems    map[string]string
	Hosts       []string
	Connections int
}

func (h *host) instances() map[string]instanceStatus {
	h.t.Helper()
	var reply struct{ Instances []instanceStatus }
	require.Equal(h.t, http.StatusOK, h.api("status", "", "", &reply))
	found := map[string]instanceStatus{}
	for _, i := range reply.Instances {
		found[i.Name] = i
	}
	return found
}

// askRaw sends a request as it is, and returns status and body of the answer; 0 where there is none.
func (h *host) askRaw(request string) (status int, body string) {
	h.t.Helper()
	conn, err := net.Dial("tcp", h.address())
	require.NoError(h.t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, request)
	require.NoError(h.t, err)
	require.NoError(h.t, conn.SetReadDeadline(time.Now().Add(patience)))
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, ""
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusSwitchingProtocols {
		return response.StatusCode, ""
	}
	text, err := io.ReadAll(response.Body)
	require.NoError(h.t, err)
	return response.StatusCode, string(text)
}

// TestHosting has one process serve three Nextclouds: each client gets to its own, by its host or by the path, and hears what that one publishes.
func TestHosting(t *testing.T) {
	t.Parallel()
	h := newHost(t, "alice", "bob", "carol")
	h.serve(t, "ADMIN_TOKEN="+adminToken)
	clients := map[string]*pushClient{}
	for name := range h.sites {
		clients[name] = h.loginAt(name)
	}
	for name, c := range clients {
		h.requirePushed(c, name)
		h.sites[name].publishAtOnce(fileEvent(7, "files/a", 1))
		c.expect("notify_file")
		require.Len(t, h.sites[name].asked("uid"), 1)
	}
	for _, path := range []string{"/push/bob/ws", "/bob/ws"} {
		c := h.dialAs("push.example.net", path)
		c.logIn("bob", passwordOf("bob"))
		h.requirePushed(c, "bob")
	}
	status, text := h.askRaw("GET /ws HTTP/1.1\r\nHost: push.example.net\r\n\r\n")
	require.Equal(t, http.StatusMisdirectedRequest, status)
	require.Contains(t, text, "no instance here is called push.example.net")

	for name, s := range h.sites {
		s.setKey("test-token", "token of "+name)
		require.Equal(t, 1, s.publish("notify_test_cookie", fmt.Sprint(int(name[0]))))
		h.await("the cookie is there", func() bool {
			return h.request(http.MethodGet, "/push/"+name+"/test/cookie", "token", "token of "+name).body == fmt.Sprint(int(name[0]))
		})
		for other := range h.sites {
			if other != name {
				require.Equal(t, http.StatusForbidden, h.request(http.MethodGet, "/push/"+other+"/test/cookie", "token", "token of "+name).status)
			}
		}
	}

	page := h.metrics()
	require.Contains(t, page, `active_connection_count{instance="bob"} 3`)
	require.Contains(t, page, `active_connection_count{instance="alice"} 1`)
	require.Contains(t, page, `notify_push_ready{instance="carol"} 1`)
	require.Contains(t, page, "process_open_fds")

	require.Equal(t, 1, h.sites["bob"].publish("notify_signal", `"reset"`))
	clients["bob"].hear() // what the two others of the user were sent
	clients["bob"].hear()
	require.NotEqualValues(t, -1, clients["bob"].closed())
	for _, name := range []string{"alice", "carol"} {
		h.requirePushed(clients[name], name)
	}
	require.Equal(t, 1, h.sites["carol"].publish("notify_config", `{"log_spec":"debug"}`))
	h.loginAt("alice")
	h.loginAt("carol")
	h.awaitLog(`"user": "carol"`)
	require.NotContains(t, h.output.String(), `"user": "alice"`, "its log level is its own")
	for line := range strings.Lines(h.output.String()) {
		if strings.Contains(line, `"user": "carol"`) {
			require.Contains(t, line, `"instance": "carol"`)
		}
	}

	h.await("all are shown as ready", func() bool {
		i := h.instances()
		return i["alice"].Ready && i["bob"].Ready && i["carol"].Ready
	})
	require.Equal(t, []string{hostOf("alice")}, h.instances()["alice"].Hosts)
	output, code := h.ask("status")
	require.Zero(t, code, output)
	require.Regexp(t, `(?m)^carol +ready +2 clients`, output)
	output, code = h.ask("status", "--instance", "carol")
	require.Zero(t, code, output)
	require.Regexp(t, `(?m)^clients +2 of 1 users$`, output)
	output, code = h.ask("clients", "--instance", "carol")
	require.Zero(t, code, output)
	require.Contains(t, output, "carol")
	require.NotContains(t, output, "alice")
	output, code = h.ask("clients")
	require.Equal(t, 1, code)
	require.Contains(t, output, "--instance")
	require.Equal(t, http.StatusNotFound, request(t, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/instances/nobody/api/status", h.metricsPort)).status)
	h.requireNoSecrets(passwordOf("alice"), passwordOf("bob"), adminToken)
}

// TestHostingRefusesOthers tries, in all the ways that a request can name two, to have an instance judge logins that are meant for another.
func TestHostingRefusesOthers(t *testing.T) {
	t.Parallel()
	h := newHost(t, "alice", "bob")
	h.serve(t)
	const rest = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
	a, b := hostOf("alice"), hostOf("bob")
	for name, test := range map[string]struct {
		request string
		status  int
	}{
		"the host of one, the path of another":    {"GET /push/bob/ws HTTP/1.1\r\nHost: " + a + "\r\n" + rest, http.StatusMisdirectedRequest},
		"the same, without push":                  {"GET /bob/ws HTTP/1.1\r\nHost: " + a + "\r\n" + rest, http.StatusMisdirectedRequest},
		"the same, in other letters":              {"GET /%62ob/ws HTTP/1.1\r\nHost: " + a + "\r\n" + rest, http.StatusMisdirectedRequest},
		"the same, with slashes":                  {"GET //push///bob/ws HTTP/1.1\r\nHost: " + a + "\r\n" + rest, http.StatusMisdirectedRequest},
		"the same, for the self test":             {"GET /push/bob/test/cookie HTTP/1.1\r\nHost: " + a + "\r\n\r\n", http.StatusMisdirectedRequest},
		"two hosts":                               {"GET /ws HTTP/1.1\r\nHost: " + a + "\r\nHost: " + b + "\r\n" + rest, http.StatusBadRequest},
		"no host":                                 {"GET /ws HTTP/1.1\r\n" + rest, http.StatusBadRequest},
		"HTTP/1.0 without a host":                 {"GET /ws HTTP/1.0\r\n\r\n", http.StatusMisdirectedRequest},
		"a list of hosts":                         {"GET /ws HTTP/1.1\r\nHost: " + a + "," + b + "\r\n" + rest, http.StatusMisdirectedRequest},
		"an unknown host and a forwarded one":     {"GET /ws HTTP/1.1\r\nHost: x.example\r\nX-Forwarded-Host: " + b + "\r\n" + rest, http.StatusMisdirectedRequest},
		"an absolute target, the path of another": {"GET http://" + a + "/push/bob/ws HTTP/1.1\r\nHost: " + b + "\r\n" + rest, http.StatusMisdirectedRequest},
		"an instance that is not there":           {"GET /push/carol/ws HTTP/1.1\r\nHost: x.example\r\n" + rest, http.StatusMisdirectedRequest},
		"a part of a name":                        {"GET /ws HTTP/1.1\r\nHost: " + a + ".evil.example\r\n" + rest, http.StatusMisdirectedRequest},
	} {
		status, text := h.askRaw(test.request)
		require.Equal(t, test.status, status, "%s: %s", name, text)
	}
	for _, site := range h.sites {
		require.Empty(t, site.asked("uid"), "nobody was asked about a login")
	}

	// What is answered leads to the one that it names.
	login := func(request, name string) {
		t.Helper()
		c := h.dialRaw(request)
		require.Equal(t, http.StatusSwitchingProtocols, c.response().StatusCode, request)
		before := len(h.sites["alice"].asked("uid")) + len(h.sites["bob"].asked("uid"))
		asked := len(h.sites[name].asked("uid"))
		c.send(testkit.ClientFrame(testkit.Final|1, "somebody"))
		c.send(testkit.ClientFrame(testkit.Final|1, "with a password "+request))
		h.await("Nextcloud was asked", func() bool { return len(h.sites["alice"].asked("uid"))+len(h.sites["bob"].asked("uid")) > before })
		require.Len(t, h.sites[name].asked("uid"), asked+1, request)
	}
	login("GET /ws HTTP/1.1\r\nHost: "+strings.ToUpper(a)+".:8443\r\n"+rest, "alice")
	login("GET /ws HTTP/1.1\r\nHost: "+a+"\r\nX-Forwarded-Host: "+b+"\r\nForwarded: host="+b+"\r\n"+rest, "alice")
	login("GET http://"+b+"/ws HTTP/1.1\r\nHost: "+a+"\r\n"+rest, "bob") // the target counts before Host (RFC 9112, 3.2.2)
	login("GET /push/bob/ws HTTP/1.1\r\nHost: 127.0.0.1\r\n"+rest, "bob")
}

// TestHostingSurvivesBrokenInstances has instances whose configuration cannot be used, or is not there yet: the others are served, and all places say what is wrong.
func TestHostingSurvivesBrokenInstances(t *testing.T) {
	t.Parallel()
	h := newHost(t, "alice", "bob")
	h.writeFile(t, "syntax.env", "REDIS_URL=nonsense\nDATABASE_URL=sqlite:/x\nNEXTCLOUD_URL=https://syntax.example\n")
	require.NoError(t, os.Symlink(filepath.Join(h.folder, "later"), filepath.Join(h.folder, "later.php")))
	h.writeFile(t, "push.env", "LOG=warn")
	h.serve(t)
	h.requirePushed(h.loginAt("alice"), "alice")
	status, text := h.askRaw("GET /push/syntax/ws HTTP/1.1\r\nHost: x\r\n\r\n")
	require.Equal(t, http.StatusServiceUnavailable, status, text)
	status, text = h.askRaw("GET /ws HTTP/1.1\r\nHost: syntax.example\r\n\r\n")
	require.Equal(t, http.StatusServiceUnavailable, status, text)
	shown := h.instances()
	require.Contains(t, shown["syntax"].Problems["configuration"], "syntax.env REDIS_URL")
	require.Contains(t, shown["later"].Problems["configuration"], "there is no file")
	require.Contains(t, shown["push"].Problems["configuration"], "rename its file")
	require.Contains(t, h.metrics(), `notify_push_ready{instance="syntax"} 0`)
	require.Contains(t, h.output.String(), "the instance cannot be served")
	ready, _ := h.readiness()
	require.True(t, ready, "a balancer must not take the process away from all")
	output, code := h.ask("status")
	require.Zero(t, code)
	require.Contains(t, output, "syntax.env REDIS_URL")

	output, code = h.ask("check", "--instances", h.folder)
	require.Equal(t, 1, code, output)
	require.Contains(t, output, "syntax.env REDIS_URL")
	require.Contains(t, output, "alice")
	output, code = h.ask("check", "--instances", h.folder, "--json", "--offline")
	require.Equal(t, 1, code, output)
	var report struct {
		Instances map[string]struct{ Errors []string }
	}
	require.NoError(t, json.Unmarshal([]byte(output), &report), output)
	require.NotEmpty(t, report.Instances["syntax"].Errors)
	require.Empty(t, report.Instances["alice"].Errors)

	// It comes by itself when its files are there.
	config := h.sites["bob"].writeConfig("'secret' => 'of later', 'trusted_domains' => ['later.example'],")
	require.NoError(t, os.Symlink(filepath.Dir(config), filepath.Join(h.folder, "later")))
	h.await("the instance is served", func() bool { return h.instances()["later"].Served })
	c := h.dialAs("later.example", "/ws")
	c.logIn("bob", passwordOf("bob"))
}

// TestHostingComesAndGoes adds, changes and removes instances while the clients of another stay connected, by the folder alone and by SIGHUP.
func TestHostingComesAndGoes(t *testing.T) {
	t.Parallel()
	h := newHost(t, "alice", "bob")
	h.serve(t, "DRAIN_TIMEOUT=0")
	alice, bob := h.loginAt("alice"), h.loginAt("bob")

	h.add(t, "carol")
	h.await("it is served", func() bool { return h.instances()["carol"].Ready })
	carol := h.loginAt("carol")
	h.requirePushed(carol, "carol")

	h.write(t, "carol", "LOG=debug") // counts without a restart
	h.signal(syscall.SIGHUP)
	h.await("it is read again", func() bool {
		return strings.Contains(h.output.String(), `configuration read again	{"instance": "carol", "changed": ["log_level"]}`)
	})
	h.requirePushed(carol, "carol")

	h.write(t, "carol", "AUTH_TIMEOUT=7s") // needs one
	h.signal(syscall.SIGHUP)
	require.EqualValues(t, 1012, carol.closed())
	h.await("it is served again", func() bool { return h.instances()["carol"].Served })
	carol = h.loginAt("carol")

	h.writeFile(t, "carol.env", "LOG=nonsense") // changes nothing
	h.awaitLog("the configuration cannot be used; the one before stays in force")
	h.requirePushed(carol, "carol")

	require.NoError(t, os.Remove(filepath.Join(h.folder, "bob.env")))
	h.signal(syscall.SIGHUP)
	require.EqualValues(t, 1012, bob.closed())
	h.await("it is gone", func() bool { _, is := h.instances()["bob"]; return !is })
	status, _ := h.askRaw("GET /push/bob/ws HTTP/1.1\r\nHost: " + hostOf("bob") + "\r\n\r\n")
	require.Equal(t, http.StatusMisdirectedRequest, status)
	require.Equal(t, 0, h.sites["bob"].publish("notify_custom", customEvent("bob", "x").payload), "it does not listen any more")

	h.write(t, "bob")
	h.await("it is back", func() bool { return h.instances()["bob"].Ready })
	h.requirePushed(h.loginAt("bob"), "bob")

	h.requirePushed(alice, "alice") // on the same connection all the time
	require.NotContains(t, h.output.String(), `"instance": "alice", "changed"`)
}

// TestHostingConflict has two instances claim a host: neither gets its clients by it, but by the path; and the operator decides.
func TestHostingConflict(t *testing.T) {
	t.Parallel()
	h := newHost(t, "alice", "bob")
	for name, s := range h.sites {
		require.NoError(t, os.Remove(filepath.Join(h.folder, name+".env")))
		config := s.writeConfig("'trusted_domains' => ['both.example', '" + hostOf(name) + "'],")
		require.NoError(t, os.Symlink(config, filepath.Join(h.folder, name+".php")))
	}
	h.serve(t)
	h.awaitLog("several instances claim a host")
	require.Contains(t, h.output.String(), "both.example")
	status, text := h.askRaw("GET /ws HTTP/1.1\r\nHost: both.example\r\n\r\n")
	require.Equal(t, http.StatusMisdirectedRequest, status)
	require.Contains(t, text, "several instances are called both.example")
	h.dialAs("both.example", "/push/bob/ws").logIn("bob", passwordOf("bob"))
	require.Len(t, h.sites["bob"].asked("uid"), 1)
	h.loginAt("alice")
	output, _ := h.ask("check", "--instances", h.folder)
	require.Contains(t, output, "both.example is claimed by the instances alice, bob")

	h.writeFile(t, "alice.env", "INSTANCE_HOSTS=both.example")
	h.await("the operator decides", func() bool {
		status, _ := h.askRaw("GET /ws HTTP/1.1\r\nHost: both.example\r\n\r\n")
		return status == http.StatusUpgradeRequired
	})
	asked := len(h.sites["alice"].asked("uid"))
	h.dialAs("both.example", "/ws").logIn("alice", passwordOf("alice"))
	require.GreaterOrEqual(t, len(h.sites["alice"].asked("uid")), asked)
	require.Len(t, h.sites["bob"].asked("uid"), 1)
}

// TestHostingIsolates has one instance's database hang, another one's Nextcloud, and a third be flooded with connections and events: a quiet
// one beside them notices nothing.
func TestHostingIsolates(t *testing.T) {
	t.Parallel()
	h := newHost(t, "quiet", "flooded", "hanging")
	hole := storagetest.NewProxy(t, h.sites["hanging"].redis.Addr())
	h.write(t, "hanging", "REDIS_URL=redis://"+hole.Addr(), "DATABASE_URL=mysql://x:y@"+hole.Addr()+"/z")
	h.serve(t, "MAX_CONNECTIONS=40")
	quiet := h.loginAt("quiet")
	hole.Stall()
	h.sites["hanging"].cloud.Behave(nextcloud.Behaviour{Delay: time.Hour})
	for i := range 50 {
		c := h.dialAs(hostOf("hanging"), "/ws")
		c.say(fmt.Sprint("user", i), "x")
		if i == 9 {
			break
		}
	}
	held := 0
	for range 60 { // the flood ends at its share, and room is left
		status, _ := h.flood("flooded")
		if status == http.StatusSwitchingProtocols {
			held++
		}
	}
	require.Greater(t, held, 10)
	require.Less(t, held, 40-11)
	h.requirePushed(quiet, "quiet")
	again := h.loginAt("quiet")
	for i := range 2000 {
		h.sites["flooded"].publish("notify_custom", customEvent("flooded", fmt.Sprint(i)).payload)
	}
	h.sites["quiet"].publishAtOnce(fileEvent(7, "files/a", 1))
	again.expect("notify_file")
	quiet.expect("notify_file")
	h.requirePushed(quiet, "quiet")
	require.True(t, h.instances()["quiet"].Ready)
	require.Contains(t, h.metrics(), `notify_push_connections_closed_total{instance="flooded",reason="server_full"}`)
}

// flood opens a connection that never logs in, and leaves it open.
func (h *host) flood(name string) (status int, conn net.Conn) {
	conn, err := net.Dial("tcp", h.address())
	require.NoError(h.t, err)
	h.t.Cleanup(func() { conn.Close() })
	_, err = io.WriteString(conn, strings.Replace(handshake("/ws"), "Host: push.example", "Host: "+hostOf(name), 1))
	require.NoError(h.t, err)
	require.NoError(h.t, conn.SetReadDeadline(time.Now().Add(patience)))
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, conn
	}
	return response.StatusCode, conn
}
