package demo

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"github.com/notifypush/notifypush/demo/nextcloud"
	"github.com/notifypush/notifypush/transport/monitor"
)

//go:embed page
var page embed.FS

// site is what listens at the demo's address: the page, what the page asks for below /demo/, the push server below /push/ as
// a reverse proxy of a real installation has it, and the Nextcloud everywhere else.
type site struct {
	demo  *Demo
	cloud *nextcloud.Nextcloud
	turn  atomic.Uint64 // chooses the file that the next change is of
}

func newSite(d *Demo, cloud *nextcloud.Nextcloud, events *feed, daemon net.Addr) http.Handler {
	s := &site{demo: d, cloud: cloud}
	files, _ := fs.Sub(page, "page")
	assets := http.FileServerFS(files)
	push := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: daemon.String()})

	routes := http.NewServeMux()
	routes.Handle("/", cloud)
	for _, asset := range []string{"/{$}", "/style.css", "/app.js", "/icon.svg"} {
		routes.Handle("GET "+asset, assets)
	}
	routes.HandleFunc("GET /demo/state", s.state)
	routes.HandleFunc("GET /demo/clock", clock)
	routes.HandleFunc("GET /demo/counters", s.counters)
	routes.HandleFunc("POST /demo/do", s.do)
	routes.Handle("GET /demo/feed", events)
	routes.Handle("/push/", http.StripPrefix("/push", push))
	return routes
}

// state is what the page needs to know at first: who there is, and the commands to try.
func (s *site) state(w http.ResponseWriter, _ *http.Request) {
	var accounts []map[string]string
	for _, p := range people {
		accounts = append(accounts, map[string]string{"id": p.id, "name": p.name, "login": p.login, "password": p.password()})
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"people": accounts, "commands": s.demo.Commands})
}

// clock lets the page learn how far its clock is from that of the feed.
func clock(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	fmt.Fprintf(w, "%.3f", milliseconds(time.Now()))
}

// do makes something happen in the Nextcloud, by or for a person.
func (s *site) do(w http.ResponseWriter, r *http.Request) {
	ctx, what := r.Context(), r.FormValue("what")
	i := slices.IndexFunc(people, func(p person) bool { return p.id == r.FormValue("user") })
	if i < 0 {
		http.Error(w, "there is no such person", http.StatusBadRequest)
		return
	}
	person := people[i]
	var err error
	switch what {
	case "shared":
		err = s.change(ctx, shared)
	case "private":
		err = s.change(ctx, person.private())
	case "notification":
		err = s.cloud.CreateNotification(ctx, person.id)
	case "activity":
		err = s.cloud.CreateActivity(ctx, person.id)
	case "custom":
		err = s.cloud.SendCustom(ctx, person.id, r.FormValue("message"), nil)
	default:
		http.Error(w, fmt.Sprintf("nothing is known about %q", what), http.StatusBadRequest)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// change changes the next file of a folder. Only the mounts' roots are in the database: nobody asks for the files there.
func (s *site) change(ctx context.Context, in folder) error {
	i := s.turn.Add(1) % uint64(len(in.files))
	return s.cloud.ChangeFile(ctx, in.storage, in.path+"/"+in.files[i], in.firstID+i)
}

// counters are those that the app is given, too.
func (s *site) counters(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(monitor.StatsJSON(s.demo.stats()))
}
