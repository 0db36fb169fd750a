package loadtest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gomodule/redigo/redis"
)

// server is the push server under test.
type server struct {
	address netip.AddrPort
	path    string
	metrics string // the URL of its metrics; "" when there are none

	command     string // "" when somebody else started it
	environment []string
	pid         atomic.Int32 // of the process that listens; 0 when it is not known
	fresh       usage        // what that used when it had just started
	empty       int64        // its memory then, in bytes, at its first start: no client can have been there
	process     *exec.Cmd    // the command's, which leads a group of its own
	written     *os.File     // what the group writes, until none of it is left
	ended       chan struct{}
	output      *tail
	startTook   time.Duration
}

// newServer describes a daemon of our own, which is to be started.
func newServer(command string, s *standIns, debounce bool) (*server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	metricsPort, err := freePort()
	if err != nil {
		return nil, err
	}
	environment := []string{
		"CONFIG_FILE=" + s.configFile,
		"REDIS_URL=" + s.redisURL,
		"DATABASE_URL=" + s.databaseURL,
		"DATABASE_PREFIX=oc_",
		"NEXTCLOUD_URL=" + s.cloudURL,
		"BIND=127.0.0.1",
		"PORT=" + strconv.Itoa(port),
		"METRICS_PORT=" + strconv.Itoa(metricsPort),
	}
	if _, set := os.LookupEnv("LOG"); !set {
		environment = append(environment, "LOG=warn")
	}
	if !debounce {
		environment = append(environment, "DEBOUNCE_DISABLE=1")
	}
	return &server{
		address:     netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(port)),
		path:        "/ws",
		metrics:     fmt.Sprintf("http://127.0.0.1:%d/metrics", metricsPort),
		command:     command,
		environment: environment,
	}, nil
}

// start starts the daemon and returns when it answers and has subscribed.
func (s *server) start(ctx context.Context, conn redis.Conn) error {
	begun := time.Now()
	if err := s.launch(); err != nil {
		return fmt.Errorf("start the push server: %w", err)
	}
	err := eventually(ctx, "wait for the push server to start", func() error { return s.answers(ctx, conn) })
	s.startTook = time.Since(begun)
	if err == nil {
		err = s.meet()
	}
	if err != nil {
		s.stop(ctx)
		return fmt.Errorf("%w; it was started by %q and wrote:\n%s", err, s.command, s.output.text)
	}
	return nil
}

// launch runs the command. It has ended when it is over and nobody holds its output any more.
func (s *server) launch() error {
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer write.Close()
	// As many open files as the system allows: a server manager would see to that.
	cmd := exec.Command("/bin/sh", "-c", "ulimit -n $(ulimit -Hn)\n"+s.command)
	cmd.Env = append(os.Environ(), s.environment...)
	cmd.Stdout, cmd.Stderr = write, write
	endWithParent(cmd)
	leadGroup(cmd)
	if err := cmd.Start(); err != nil {
		read.Close()
		return err
	}
	output, ended := &tail{}, make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(output, read)
		read.Close()
		_ = cmd.Wait()
	}()
	s.process, s.written, s.output, s.ended = cmd, read, output, ended
	return nil
}

// meet finds the process to measure: the command may be a script that has started it.
func (s *server) meet() error {
	pid, err := listenerOf(s.process.Process.Pid, s.address.Port())
	if err != nil {
		return err
	}
	s.pid.Store(int32(pid))
	if s.fresh, err = readProcess(pid); s.empty == 0 {
		s.empty = s.fresh.Resident
	}
	return err
}

// web asks the server, which may be one that never answers.
var web = &http.Client{Timeout: 5 * time.Second}

func get(ctx context.Context, url string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	return web.Do(request)
}

func (s *server) answers(ctx context.Context, conn redis.Conn) error {
	select {
	case <-s.ended:
		return errGone
	default:
	}
	response, err := get(ctx, "http://"+s.address.String()+"/test/cookie")
	if err != nil {
		return err
	}
	response.Body.Close()
	n, err := subscribers(conn)
	if err == nil && n == 0 {
		err = fmt.Errorf("it has not subscribed to Redis")
	}
	return err
}

const (
	stopTimeout = time.Minute
	killTimeout = 5 * time.Second
)

// stop asks the daemon to end, and makes it end when it takes longer than stopTimeout, or than killTimeout once nobody waits for what
// comes of it. A script around it goes on when it has ended, as it would without the harness.
func (s *server) stop(ctx context.Context) {
	if s.process == nil {
		return
	}
	if s.alive() == nil {
		asked := int(s.pid.Load())
		if asked == 0 {
			asked = s.group()
		}
		sendSignal(asked, syscall.SIGTERM)
	}
	select {
	case <-s.ended:
	case <-time.After(stopTimeout):
	case <-ctx.Done():
		select {
		case <-s.ended:
		case <-time.After(killTimeout):
		}
	}
	s.kill()
}

// kill ends the daemon and all else that the command has started.
func (s *server) kill() {
	if s.process == nil {
		return
	}
	sendSignal(s.group(), syscall.SIGKILL)
	// Whoever has left the group may hold its output open for ever.
	defer time.AfterFunc(killTimeout, func() { s.written.Close() }).Stop()
	<-s.ended
	s.pid.Store(0)
}

// group is the command's process group, as kill(2) wants it.
func (s *server) group() int { return -s.process.Process.Pid }

// alive says why the daemon is not there any more.
func (s *server) alive() error {
	if s.process == nil {
		return nil
	}
	select {
	case <-s.ended:
		return fmt.Errorf("the push server has ended (%s); it was started by %q and wrote:\n%s", s.process.ProcessState, s.command, s.output.text)
	default:
		return nil
	}
}

// counters are what the daemon itself counts, by the names that every dashboard knows; nil when it does not say.
func (s *server) counters(ctx context.Context) map[string]float64 {
	if s.metrics == "" {
		return nil
	}
	response, err := get(ctx, s.metrics)
	if err != nil {
		return nil
	}
	defer response.Body.Close()
	return parseMetrics(response.Body)
}

// parseMetrics reads those lines of the Prometheus text format that have no labels.
func parseMetrics(text io.Reader) map[string]float64 {
	metrics := map[string]float64{}
	lines := bufio.NewScanner(text)
	for lines.Scan() {
		name, value, ok := strings.Cut(lines.Text(), " ")
		if number, err := strconv.ParseFloat(value, 64); ok && err == nil {
			metrics[name] = number
		}
	}
	return metrics
}
