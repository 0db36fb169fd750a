package stand

import (
	"bufio"
	"context"
	"errors"
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

	"github.com/notifypush/notifypush/loadtest/internal/process"
)

// Server is the push server under test. PID may be read at any time, all else between the calls of its methods.
type Server struct {
	// set once
	Address     netip.AddrPort
	Path        string
	MetricsURL  string // "" when there are none
	metricsPort int    // of a daemon that is to be started
	what        string // "push server" or "balancer"
	command     string // "" when the server runs already
	environment []string
	standIns    *Dependencies
	cloud       *door

	// PID is the process that listens; 0 when it is not known.
	PID atomic.Int32
	// Empty is what the first one used when it had just started: after another start clients may have come before that is known.
	Empty     process.Usage
	StartTook time.Duration

	process *exec.Cmd // the command's, which leads a process group
	written *os.File  // what the group writes, until none of it is left
	ended   chan struct{}
	output  *tail
}

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// NewServer describes a daemon that is to be started by a command: number node, from 0, of those that serve the same Nextcloud.
func NewServer(command string, s *Dependencies, debounce bool, node int) (*Server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	metricsPort, err := freePort()
	if err != nil {
		return nil, err
	}
	cloud, err := s.openDoor(node)
	if err != nil {
		return nil, err
	}
	environment := []string{
		"NODE=" + strconv.Itoa(node+1),
		"CONFIG_FILE=" + s.configFile,
		"REDIS_URL=" + s.RedisURL,
		"DATABASE_URL=" + s.databaseURL,
		"DATABASE_PREFIX=oc_",
		"NEXTCLOUD_URL=" + cloud.url,
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
	return &Server{
		Address:     netip.AddrPortFrom(loopback, uint16(port)),
		Path:        "/ws",
		MetricsURL:  fmt.Sprintf("http://127.0.0.1:%d/metrics", metricsPort),
		metricsPort: metricsPort,
		what:        "push server",
		command:     command,
		environment: environment,
		standIns:    s,
		cloud:       cloud,
	}, nil
}

// NewBalancer describes a balancer of daemons that is to be started by a command, once they are there.
func NewBalancer(command string, nodes []*Server) (*Server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	environment := []string{"BIND=127.0.0.1", "PORT=" + strconv.Itoa(port)}
	for i, node := range nodes {
		environment = append(environment, fmt.Sprintf("NODE_%d=%s", i+1, node.Address), fmt.Sprintf("METRICS_PORT_%d=%d", i+1, node.metricsPort))
	}
	return &Server{Address: netip.AddrPortFrom(loopback, uint16(port)), Path: "/ws", what: "balancer", command: command, environment: environment}, nil
}

// RunningServer is one that runs already; pid may be 0.
func RunningServer(metricsURL string, pid int) (*Server, error) {
	s := &Server{MetricsURL: metricsURL}
	if pid == 0 {
		return s, nil
	}
	used, err := process.Read(pid)
	s.PID.Store(int32(pid))
	s.Empty = used
	return s, err
}

// Start starts the daemon and returns when it answers and has subscribed: when Redis has as many subscribers as there are daemons then. A
// balancer adds none, and answers for the daemons behind it.
func (s *Server) Start(ctx context.Context, daemons int) error {
	begun := time.Now()
	if err := s.launch(); err != nil {
		return fmt.Errorf("start the %s: %w", s.what, err)
	}
	err := eventually(ctx, "wait for the "+s.what+" to start", func() error { return s.answers(ctx, daemons) })
	s.StartTook = time.Since(begun)
	if err == nil {
		err = s.findProcess()
	}
	if err != nil {
		s.Stop(ctx)
		return fmt.Errorf("%w; started by %q, output:\n%s", err, s.command, s.output.text)
	}
	return nil
}

// launch runs the command. It has ended when it is over and nobody holds its output any more.
func (s *Server) launch() error {
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer write.Close()
	// As many open files as the system allows: a server manager would see to that.
	cmd := exec.Command("/bin/sh", "-c", "ulimit -n $(ulimit -Hn)\n"+s.command)
	cmd.Env = append(os.Environ(), s.environment...)
	cmd.Stdout, cmd.Stderr = write, write
	process.EndWithParent(cmd, true)
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

// findProcess finds the process to measure: the command may be a script that has started it.
func (s *Server) findProcess() error {
	pid, err := process.Listener(s.process.Process.Pid, s.Address.Port())
	if err != nil {
		return err
	}
	s.PID.Store(int32(pid))
	if s.Empty.Resident == 0 {
		s.Empty, err = process.Read(pid)
	}
	return err
}

// web bounds what a server may take to answer.
var web = &http.Client{Timeout: 5 * time.Second}

func get(ctx context.Context, url string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	return web.Do(request)
}

func (s *Server) answers(ctx context.Context, daemons int) error {
	select {
	case <-s.ended:
		return errGone
	default:
	}
	response, err := get(ctx, "http://"+s.Address.String()+"/test/cookie")
	if err != nil {
		return err
	}
	response.Body.Close()
	if response.StatusCode >= http.StatusInternalServerError {
		return errors.New(response.Status)
	}
	if daemons == 0 {
		return nil
	}
	n, err := s.standIns.subscribers(ctx)
	if err == nil && n < daemons {
		err = errors.New("it has not subscribed to Redis")
	}
	return err
}

// StopTimeout is how long a server that is asked to end may take.
const StopTimeout = time.Minute

const killTimeout = 5 * time.Second

// Stop asks the daemon to end, and kills it when that takes longer than StopTimeout, or than killTimeout once ctx has ended. A script around it goes on when it has ended, as it would without the harness.
func (s *Server) Stop(ctx context.Context) {
	if s.process == nil {
		return
	}
	if s.Alive() == nil {
		asked := int(s.PID.Load())
		if asked == 0 {
			asked = s.group()
		}
		process.Signal(asked, syscall.SIGTERM)
	}
	select {
	case <-s.ended:
	case <-time.After(StopTimeout):
	case <-ctx.Done():
		select {
		case <-s.ended:
		case <-time.After(killTimeout):
		}
	}
	s.Kill()
}

// Kill ends the daemon and all else that the command has started.
func (s *Server) Kill() {
	if s.process == nil {
		return
	}
	process.Signal(s.group(), syscall.SIGKILL)
	// A process that has left the group may hold its output open for ever.
	defer time.AfterFunc(killTimeout, func() { s.written.Close() }).Stop()
	<-s.ended
	s.PID.Store(0)
}

// group is the command's process group, as kill(2) wants it.
func (s *Server) group() int { return -s.process.Process.Pid }

// Alive returns an error that says how the daemon has ended, or nil.
func (s *Server) Alive() error {
	if s.process == nil {
		return nil
	}
	select {
	case <-s.ended:
		return fmt.Errorf("%s ended (%s); started by %q, output:\n%s", s.what, s.process.ProcessState, s.command, s.output.text)
	default:
		return nil
	}
}

// Counters are what the daemon itself counts, by the names of its metrics; nil when it does not say.
func (s *Server) Counters(ctx context.Context) map[string]float64 {
	if s.MetricsURL == "" {
		return nil
	}
	response, err := get(ctx, s.MetricsURL)
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

// Logins are the requests with a name and a password that this daemon has sent to Nextcloud; 0 when it runs already.
func (s *Server) Logins() int {
	if s.cloud == nil {
		return 0
	}
	return int(s.cloud.logins.Load())
}

// Ended is closed when a daemon that was started has ended; nil otherwise.
func (s *Server) Ended() <-chan struct{} { return s.ended }

// CPUTime is all that a daemon that was started, and has ended, has computed.
func (s *Server) CPUTime() time.Duration {
	return s.process.ProcessState.UserTime() + s.process.ProcessState.SystemTime()
}

// tail keeps the last that a process has written.
type tail struct{ text []byte }

const tailSize = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	if over := len(t.text) - tailSize; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	return len(p), nil
}
