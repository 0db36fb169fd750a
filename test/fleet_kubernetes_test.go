package test

import (
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/notifypush/notifypush/internal/setting"
	"github.com/notifypush/notifypush/storage/storagetest"
)

// manifest is what a kubelet looks at in docs/deploy/fleet-kubernetes.yaml.
type manifest struct {
	Spec struct {
		Template struct {
			Spec struct {
				TerminationGracePeriodSeconds int `yaml:"terminationGracePeriodSeconds"`
				Containers                    []struct {
					Env            []struct{ Name, Value string }
					ReadinessProbe struct {
						HTTPGet struct{ Path, Port string } `yaml:"httpGet"`
					} `yaml:"readinessProbe"`
				}
			}
		}
	}
}

// cluster does what Kubernetes does with the pods of a Deployment: a kubelet asks each whether it is ready, those that are get
// connections of the Service, and one that ends is told so at once, and taken out of the Service a while later.
type cluster struct {
	path string // of the readiness probe

	mu     sync.Mutex
	ready  []string // addresses of pods
	ending []string
}

// serve starts the Service's balancer at an address, with an ingress that says who the client is.
func (c *cluster) serve(t testing.TB, address string, pods [3]string) *storagetest.Process {
	listener, err := net.Listen("tcp", address)
	require.NoError(t, err)
	server := &http.Server{Handler: &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetXForwarded()
			r.Out.URL.Scheme, r.Out.URL.Host = "http", c.pick()
		},
		Transport:    &http.Transport{DisableKeepAlives: true},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}}
	stop := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() { _ = server.Serve(listener) })
	for _, pod := range pods {
		running.Go(func() { c.probe(pod, stop) })
	}
	t.Cleanup(func() {
		close(stop)
		server.Close()
		running.Wait()
	})
	require.Eventually(t, func() bool { c.mu.Lock(); defer c.mu.Unlock(); return len(c.ready) == len(pods) }, patience, 5*time.Millisecond)
	return nil
}

// pick chooses a pod as kube-proxy does. Where there is none the connection fails.
func (c *cluster) pick() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.ready) == 0 {
		return "127.0.0.1:1"
	}
	return c.ready[rand.N(len(c.ready))]
}

// probe is the kubelet: its answers count unless the pod is ending, one that is good at once, and others when they are three in a row.
func (c *cluster) probe(pod string, stop <-chan struct{}) {
	const failureThreshold = 3
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for failures := 0; ; {
		response, err := client.Get("http://" + pod + c.path)
		if err == nil {
			response.Body.Close()
		}
		if failures++; err == nil && response.StatusCode == http.StatusOK {
			failures = 0
		}
		c.mu.Lock()
		if !slices.Contains(c.ending, pod) && (failures == 0 || failures >= failureThreshold) {
			c.ready = slices.DeleteFunc(c.ready, func(p string) bool { return p == pod })
			if failures == 0 {
				c.ready = append(c.ready, pod)
			}
		}
		c.mu.Unlock()
		select {
		case <-time.After(50 * time.Millisecond):
		case <-stop:
			return
		}
	}
}

// end tells a pod to end, and takes it out of the Service when that has come to all nodes; ended says that the pod is gone.
func (c *cluster) end(p *pushServer, later time.Duration) (ended func()) {
	pod := p.address()
	c.mu.Lock()
	c.ending = append(c.ending, pod)
	c.mu.Unlock()
	p.signal(syscall.SIGTERM)
	time.Sleep(later)
	c.mu.Lock()
	c.ready = slices.DeleteFunc(c.ready, func(p string) bool { return p == pod })
	c.mu.Unlock()
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.ending = slices.DeleteFunc(c.ending, func(p string) bool { return p == pod })
	}
}

// TestFleetInKubernetes replaces three pods one after the other, each told to end a while before new clients stop to come: none is
// refused. There is no cluster: the test does what one does.
func TestFleetInKubernetes(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	deployment, _, _ := strings.Cut(deployed(t, "fleet-kubernetes.yaml"), "\n---\n")
	var m manifest
	require.NoError(t, yaml.Unmarshal([]byte(deployment), &m))
	pod := m.Spec.Template.Spec
	require.Equal(t, "LAME_DUCK", pod.Containers[0].Env[1].Name)
	lameDuck, err := setting.ParseDuration(pod.Containers[0].Env[1].Value)
	require.NoError(t, err)
	const drainTimeout = 10 * time.Second
	require.Greater(t, time.Duration(pod.TerminationGracePeriodSeconds)*time.Second, lameDuck+drainTimeout+5*time.Second)
	require.Equal(t, "push", pod.Containers[0].ReadinessProbe.HTTPGet.Port)

	c := &cluster{path: pod.Containers[0].ReadinessProbe.HTTPGet.Path}
	b, _ := newSite(t).putBehind(90, c.serve, "LAME_DUCK=5s") // what has begun to connect when the pod is taken out has 4 s left
	b.useTokens(5)
	for i, p := range b.nodes {
		ended := c.end(p, 500*time.Millisecond)
		b.restartAfter(i)
		ended()
		b.await("it is ready", func() bool { return c.isReady(p.address()) })
	}
	require.Zero(t, b.refused.Load(), "a client was refused, or met a closed port: %v", b.refusal.Load())
	b.useTokens(5)
	b.finish()
}

func (c *cluster) isReady(pod string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Contains(c.ready, pod)
}
