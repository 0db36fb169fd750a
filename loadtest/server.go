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
	pid         atomic.Int32 // 0 when it is not known
	empty       Process      // what it used when it had just started
	process     *exec.Cmd
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
	// As many open files as the system allows: a server manager would see to that.
	cmd := exec.Command("/bin/sh", "-c", "ulimit -n $(ulimit -Hn); exec "+s.command)
	cmd.Env = append(os.Environ(), s.environment...)
	s.output = &tail{}
	cmd.Stdout, cmd.Stderr = s.output, s.output
	endWithParent(cmd)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the push server: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	s.process, s.ended = cmd, ended
	s.pid.Store(int32(cmd.Process.Pid))
	if err := eventually(ctx, "wait for the push server to start", func() error { return s.answers(conn) }); err != nil {
		s.stop()
		return fmt.Errorf("%w; it was started by %q and wrote:\n%s", err, s.command, s.output.text)
	}
	s.startTook = time.Since(begun)
	var err error
	s.empty, err = readProcess(cmd.Process.Pid)
	return err
}

func (s *server) answers(conn redis.Conn) error {
	select {
	case <-s.ended:
		return errGone
	default:
	}
	response, err := http.Get("http://" + s.address.String() + "/test/cookie")
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

const stopTimeout = time.Minute

// stop asks the daemon to end, and makes it end when it takes longer than stopTimeout.
func (s *server) stop() {
	if s.process == nil {
		return
	}
	defer s.pid.Store(0)
	_ = s.process.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(stopTimeout):
		s.kill()
	}
}

func (s *server) kill() {
	if s.process != nil {
		_ = s.process.Process.Kill()
		<-s.ended
		s.pid.Store(0)
	}
}

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
func (s *server) counters() map[string]float64 {
	if s.metrics == "" {
		return nil
	}
	response, err := http.Get(s.metrics)
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
