package test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/demo/nextcloud"
	"github.com/notifypush/notifypush/storage"
	"github.com/notifypush/notifypush/storage/storagetest"
)

// The conformance suite runs the built binary as a process, between a real Redis, a real database, a stand-in for Nextcloud and websocket
// clients: what an unmodified app and its clients see of it. Each of its files holds a section of the protocol.
//
// PUSH_SERVER_CMD names another daemon, with arguments, to be held to the same checks. What only this server does is skipped then.

// patience bounds every wait for something that must happen; on a healthy machine most take milliseconds.
const patience = 90 * time.Second

// isOurs reports whether it is this server that is tested.
func isOurs() bool { return os.Getenv("PUSH_SERVER_CMD") == "" }

// onlyHere skips a test of what the app's own daemon doesn't do, or doesn't do well.
func onlyHere(t *testing.T) {
	t.Helper()
	if !isOurs() {
		t.Skip("only this server promises it")
	}
}

// builtFolder is where the binary is built, TestMain's.
var builtFolder string

// builtBinary is the path of the binary, which has the race detector where the tests have it.
var builtBinary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(builtFolder, "notify_push")
	arguments := []string{"build", "-o", path}
	if build, _ := debug.ReadBuildInfo(); slices.Contains(build.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		arguments = append(arguments, "-race")
	}
	output, err := exec.Command("go", append(arguments, "github.com/notifypush/notifypush")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the binary: %w\n%s", err, output)
	}
	return path, nil
})

// serverCommand is the command line of the daemon under test, without settings.
func serverCommand(t *testing.T) []string {
	t.Helper()
	if other := strings.Fields(os.Getenv("PUSH_SERVER_CMD")); len(other) > 0 {
		return other
	}
	path, err := builtBinary()
	require.NoError(t, err)
	return []string{path}
}

// site is everything that a push server has around it: Redis, a database, and a Nextcloud with the users alice and bob.
type site struct {
	t        *testing.T
	redis    *storagetest.RedisServer
	database string // its URL
	mounts   *storagetest.Nextcloud
	cloud    *nextcloud.Nextcloud
	server   *httptest.Server // the cloud's
	url      string           // of Nextcloud, without a slash at the end
	wrapper  []string         // the command that the daemon's command line is given to, if any

	mu       sync.Mutex // guards requests, and the server's view of cloud
	requests []cloudRequest
}

// cloudRequest is what Nextcloud was asked.
type cloudRequest struct {
	method, path   string
	user, password string
	header         http.Header
}

func newSite(t *testing.T, redisArguments ...string) *site {
	database, db := storagetest.SQLite(t, "owncloud.db")
	s := &site{
		t:        t,
		redis:    storagetest.Redis(t, redisArguments...),
		database: "sqlite:" + database,
		mounts:   storagetest.NewNextcloud(t, db, "oc_"),
	}
	s.server = httptest.NewServer(http.HandlerFunc(s.serveCloud))
	t.Cleanup(s.server.Close)
	s.url = s.server.URL
	s.open(nextcloud.Options{})
	return s
}

// open makes Nextcloud anew, with these options.
func (s *site) open(options nextcloud.Options) {
	client, err := storage.NewRedis(storage.RedisOptions{Addresses: []string{s.redis.URL()}})
	require.NoError(s.t, err)
	s.t.Cleanup(func() { client.Close() })
	options.Redis, options.URL = client, s.url
	if options.TrustedProxies == nil {
		options.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	}
	s.mu.Lock()
	s.cloud = nextcloud.New(options)
	s.mu.Unlock()
	for _, name := range []string{"alice", "bob"} {
		s.addUser(name)
	}
}

func (s *site) addUser(id string, logins ...string) {
	s.cloud.AddUser(nextcloud.User{ID: id, Password: passwordOf(id), Logins: logins})
}

func passwordOf(user string) string { return "password of " + user }

func (s *site) serveCloud(w http.ResponseWriter, r *http.Request) {
	user, password, _ := r.BasicAuth()
	s.mu.Lock()
	s.requests = append(s.requests, cloudRequest{r.Method, r.URL.Path, user, password, r.Header})
	cloud := s.cloud
	s.mu.Unlock()
	cloud.ServeHTTP(w, r)
}

// asked returns the requests that Nextcloud got for a path below the app's.
func (s *site) asked(path string) []cloudRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []cloudRequest
	for _, request := range s.requests {
		if strings.HasSuffix(request.path, "/apps/notify_push/"+path) {
			found = append(found, request)
		}
	}
	return found
}

// closeCloudConnections has the daemon keep none for its next questions.
func (s *site) closeCloudConnections() { s.server.CloseClientConnections() }

// publish publishes as the app does, and returns how many servers heard it.
func (s *site) publish(channel, payload string) int {
	s.t.Helper()
	heard, err := redis.Int(s.redis.Do("", "PUBLISH", channel, payload), nil)
	require.NoError(s.t, err)
	return heard
}

// event is a payload for a channel.
type event struct{ channel, payload string }

// publishAtOnce publishes events so that they arrive together.
func (s *site) publishAtOnce(events ...event) {
	s.t.Helper()
	conn, err := redis.Dial("unix", s.redis.Socket)
	require.NoError(s.t, err)
	defer conn.Close()
	for _, e := range events {
		require.NoError(s.t, conn.Send("PUBLISH", e.channel, e.payload))
	}
	_, err = conn.Do("PING") // flushes, and waits for all of them
	require.NoError(s.t, err)
}

func fileEvent(storage uint64, path string, id uint64) event {
	return event{"notify_storage_update", fmt.Sprintf(`{"storage":%d,"path":%q,"file_id":%d}`, storage, path, id)}
}

func eventFor(channel, user string) event {
	return event{channel, fmt.Sprintf(`{"user":%q}`, user)}
}

func customEvent(user, message string) event {
	return event{"notify_custom", fmt.Sprintf(`{"user":%q,"message":%q}`, user, message)}
}

func (s *site) key(name string) (value string, found bool) {
	s.t.Helper()
	value, err := redis.String(s.redis.Do("", "GET", name), nil)
	return value, err == nil
}

func (s *site) setKey(name, value string) { s.redis.Do("", "SET", name, value) }

// pushServer is a running daemon.
type pushServer struct {
	t           *testing.T
	site        *site
	cmd         *exec.Cmd
	output      *output
	port        int
	metricsPort int
	files       []*os.File    // that it inherits, from descriptor 3 on
	exited      chan struct{} // closed when it has ended, and cmd.ProcessState is there
}

// serve starts a daemon for the site, and returns when it hears Redis and answers. Of the words, as for env(1), those like NAME=value are
// variables, the last of a name counting, and the others arguments.
func (s *site) serve(words ...string) *pushServer {
	s.t.Helper()
	p := s.start(append([]string{
		"REDIS_URL=" + s.redis.URL(), "DATABASE_URL=" + s.database, "NEXTCLOUD_URL=" + s.url + "/", "BIND=127.0.0.1",
	}, words...)...)
	p.awaitServing()
	return p
}

// serveAtOnce is serve without a debounce.
func (s *site) serveAtOnce(words ...string) *pushServer {
	s.t.Helper()
	return s.serve(append([]string{"DEBOUNCE_DISABLE=1"}, words...)...)
}

// start starts a daemon that is given nothing but its ports and the words.
func (s *site) start(words ...string) *pushServer {
	s.t.Helper()
	p := &pushServer{t: s.t, site: s, output: &output{}, port: storagetest.FreePort(s.t), metricsPort: storagetest.FreePort(s.t)}
	variables := []string{fmt.Sprintf("PORT=%d", p.port), fmt.Sprintf("METRICS_PORT=%d", p.metricsPort)}
	p.run(s.t.TempDir(), append(variables, words...)...)
	return p
}

// run starts the daemon in a folder.
func (p *pushServer) run(folder string, words ...string) {
	p.t.Helper()
	command := append(slices.Clone(p.site.wrapper), serverCommand(p.t)...)
	environment := []string{"GORACE=atexit_sleep_ms=200"} // and nothing else, not even PATH
	for _, word := range words {
		if name, _, paired := strings.Cut(word, "="); paired && name == strings.ToUpper(name) {
			environment = append(environment, word)
		} else {
			command = append(command, word)
		}
	}
	p.cmd = exec.Command(command[0], command[1:]...)
	p.cmd.Dir, p.cmd.Env = folder, environment
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.ExtraFiles = p.output, p.output, p.files
	p.exited = make(chan struct{})
	require.NoError(p.t, p.cmd.Start())
	go func() {
		_ = p.cmd.Wait()
		close(p.exited)
	}()
	p.t.Cleanup(p.cleanUp)
}

// cleanUp ends the daemon if the test has not, and shows its log after a failure.
func (p *pushServer) cleanUp() {
	defer func() {
		if p.t.Failed() {
			p.t.Logf("the daemon said:\n%s", p.output)
		}
	}()
	select {
	case <-p.exited:
	default:
		p.terminate()
	}
}

// terminate ends the daemon as service managers do, and has it end well.
func (p *pushServer) terminate() {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	p.awaitExit()
	if isOurs() {
		require.Equal(p.t, "exit status 0", p.cmd.ProcessState.String())
	}
}

func (p *pushServer) signal(signal os.Signal) {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(signal))
}

func (p *pushServer) awaitExit() {
	p.t.Helper()
	select {
	case <-p.exited:
	case <-time.After(patience):
		_ = p.cmd.Process.Kill()
		<-p.exited
		p.t.Error("the daemon does not end")
	}
}

// awaitPortClosed waits until the daemon has begun to end.
func (p *pushServer) awaitPortClosed() {
	p.t.Helper()
	p.await("its port is closed", func() bool {
		conn, err := net.Dial("tcp", p.address())
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
}

// awaitServing waits until the daemon is subscribed and its port open.
func (p *pushServer) awaitServing() {
	p.t.Helper()
	p.awaitServingAt("tcp", p.address())
}

func (p *pushServer) awaitServingAt(network, address string) {
	p.t.Helper()
	p.awaitSubscription()
	p.awaitAnswer(network, address)
	if isOurs() { // it would refresh a client that came before it knew of its subscription
		p.await("it knows that it hears Redis", func() bool {
			_, reasons := p.readiness()
			return reasons["redis"] == ""
		})
	}
}

func (p *pushServer) awaitAnswer(network, address string) {
	p.t.Helper()
	p.await("it answers at "+address, func() bool {
		conn, err := net.Dial(network, address)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

func (p *pushServer) awaitSubscription() {
	p.t.Helper()
	p.await("it hears Redis", func() bool {
		reply, err := redis.Values(p.site.redis.Do("", "PUBSUB", "NUMSUB", "notify_signal"), nil)
		return err == nil && reply[1].(int64) > 0
	})
}

// await waits until something has happened, as long as the daemon runs.
func (p *pushServer) await(what string, happened func() bool) {
	p.t.Helper()
	retry := time.NewTicker(5 * time.Millisecond)
	defer retry.Stop()
	tooLate := time.After(patience)
	for !happened() {
		select {
		case <-retry.C:
		case <-p.exited:
			p.t.Fatalf("the daemon ended (%v) before %s", p.cmd.ProcessState, what)
		case <-tooLate:
			p.t.Fatalf("it never happened that %s", what)
		}
	}
}

// requireWithin has something take less than a limit. It is measured again when it took longer, because a busy machine has no time now and
// then; what is broken takes longer each time.
func requireWithin(t *testing.T, limit time.Duration, measure func() time.Duration) {
	t.Helper()
	var took []time.Duration
	for range 5 {
		took = append(took, measure())
		if took[len(took)-1] < limit {
			return
		}
	}
	t.Fatalf("it never took less than %v, but %v", limit, took)
}

// awaitLog waits until the daemon has logged something.
func (p *pushServer) awaitLog(text string) {
	p.t.Helper()
	p.await("it logs "+text, func() bool { return strings.Contains(p.output.String(), text) })
}

func (p *pushServer) address() string { return fmt.Sprintf("127.0.0.1:%d", p.port) }

// page is what a person sees of an HTTP response.
type page struct {
	status int
	body   string
	header http.Header
}

// request asks the daemon for a page. Headers are in pairs of name and value.
func (p *pushServer) request(method, path string, headers ...string) page {
	p.t.Helper()
	return request(p.t, method, "http://"+p.address()+path, headers...)
}

func request(t *testing.T, method, url string, headers ...string) page {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, url, nil)
	require.NoError(t, err)
	for pair := range slices.Chunk(headers, 2) {
		r.Header.Add(pair[0], pair[1])
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return page{response.StatusCode, string(body), response.Header}
}

// metrics is the page for Prometheus.
func (p *pushServer) metrics() string {
	p.t.Helper()
	address := fmt.Sprintf("127.0.0.1:%d", p.metricsPort)
	p.awaitAnswer("tcp", address) // which may be after the clients' port does
	got := request(p.t, http.MethodGet, "http://"+address+"/metrics")
	require.Equal(p.t, http.StatusOK, got.status)
	return got.body
}

// metric is the value of a sample; name has the labels, if any. A sample that is not there is -1.
func (p *pushServer) metric(name string) float64 {
	p.t.Helper()
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindStringSubmatch(p.metrics())
	if found == nil {
		return -1
	}
	value, err := strconv.ParseFloat(found[1], 64)
	require.NoError(p.t, err)
	return value
}

func (p *pushServer) awaitMetric(name string, value float64) {
	p.t.Helper()
	p.await(fmt.Sprintf("%s is %v", name, value), func() bool { return p.metric(name) == value })
}

// requireNoSecrets fails when one of the secrets, or what basic authentication makes of it, was logged.
func (p *pushServer) requireNoSecrets(secrets ...string) {
	p.t.Helper()
	for _, secret := range secrets {
		require.NotContains(p.t, p.output.String(), secret)
		for shift := range 3 { // base64 of the secret behind any other text
			encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + secret))
			require.NotContains(p.t, p.output.String(), encoded[4:len(encoded)-4])
		}
	}
}

// output is what a process prints.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(text []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(text)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
