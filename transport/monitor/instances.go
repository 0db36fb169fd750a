package monitor

import (
	"io/fs"
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// InstancesReply is what /api/status answers where a process serves several instances.
type InstancesReply struct {
	Version   string          `json:"version"`
	GoVersion string          `json:"go_version"`
	Time      time.Time       `json:"time"` // of this server's clock
	Started   time.Time       `json:"started"`
	Ready     bool            `json:"ready"` // the process is, not each instance
	Instances []InstanceReply `json:"instances"`
}

// InstanceReply is one of them.
type InstanceReply struct {
	Name string `json:"name"`
	// Served says that it has a page of its own, below instances/NAME/. One whose configuration cannot be used has none.
	Served      bool              `json:"served"`
	Ready       bool              `json:"ready"`
	Problems    map[string]string `json:"problems"`
	Warning     string            `json:"warning"` // what is wrong although it is ready
	Hosts       []string          `json:"hosts"`   // by which clients call it
	Connections uint64            `json:"connections"`
	Users       uint64            `json:"users"`
}

// Instance is one of the servers in a process.
type Instance struct {
	InstanceReply
	Source *Source // nil where it is not served
}

// NewInstances returns the handler of the operators' port of a process that serves several: the pages of New about the process, with the
// metrics of all, which have a label instance, and those of each instance below /instances/NAME/. source is of the process; its
// Stats and Status do not count. list returns the instances in order, and pages those of New of one, or nil where it is not served.
func NewInstances(source Source, list func() []Instance, pages func(name string) http.Handler) http.Handler {
	source = source.completed()
	started := time.Now()
	mux := http.NewServeMux()
	source.serveHealth(mux)
	serveAssets(mux)
	serveMetrics(mux, instancesCollector{list})
	mux.Handle("GET /api/status", guarded(func(w http.ResponseWriter, _ *http.Request) {
		reply := InstancesReply{
			Version: source.Version, GoVersion: runtime.Version(), Time: time.Now(), Started: started,
			Ready: len(source.Problems()) == 0, Instances: []InstanceReply{},
		}
		for _, i := range list() {
			reply.Instances = append(reply.Instances, i.InstanceReply)
		}
		answer(w, reply)
	}))
	mux.Handle("/api/", guarded(func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusNotFound, "this server has several instances; ask one of them, below /instances/NAME/, or with --instance NAME")
	}))
	mux.HandleFunc("/instances/{name}/", func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("name")
		if handler := pages(name); handler != nil {
			http.StripPrefix("/instances/"+name, handler).ServeHTTP(w, r)
			return
		}
		refuse(w, http.StatusNotFound, "no instance of that name is served")
	})
	return mux
}

// serveAssets serves the files of the status page.
func serveAssets(mux *http.ServeMux) {
	files, _ := fs.Sub(page, "page")
	assets := http.FileServerFS(files)
	for _, path := range []string{"/{$}", "/status.css", "/status.js", "/icon.svg"} {
		mux.Handle("GET "+path, guarded(assets.ServeHTTP))
	}
}

// instancesCollector has the metrics of those that are there when metrics are scraped.
type instancesCollector struct{ list func() []Instance }

// Describe sends nothing, as that of a collector.
func (instancesCollector) Describe(chan<- *prometheus.Desc) {}

// Collect sends the metrics of all, and of those that are not served that they are not ready.
func (c instancesCollector) Collect(metrics chan<- prometheus.Metric) {
	for _, i := range c.list() {
		labels := prometheus.Labels{"instance": i.Name}
		if i.Source != nil {
			NewCollector(*i.Source, labels).Collect(metrics)
			continue
		}
		sink{metrics, labels}.ready(false)
	}
}
