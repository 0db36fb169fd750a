package demo

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/notifypush/notifypush/actors"
)

// happening is an event at the moment of its PUBLISH, as the page is sent it: only so can it show what the daemon holds
// back, and how long each push took.
type happening struct {
	Kind  string   `json:"kind"` // file, activity, notification or custom
	Users []string `json:"users"`
	What  string   `json:"what"` // the path, or the text of a custom message
	ID    uint64   `json:"id,omitempty"`
	At    float64  `json:"at"` // milliseconds since 1970
}

// feed hands every happening to the pages that are open.
type feed struct {
	mu    sync.Mutex
	pages map[chan happening]struct{}
}

// feedBacklog is how many happenings may wait for a page; a page that falls behind further has to connect again.
const feedBacklog = 1024

func newFeed() *feed { return &feed{pages: map[chan happening]struct{}{}} }

// published is called for each PUBLISH that Redis receives, from any client.
func (f *feed) published(channel, payload string) {
	at := milliseconds(time.Now())
	event, err := actors.DecodeEvent(channel, []byte(payload))
	if err != nil {
		return // the daemon says so in its log
	}
	h, ok := describe(event)
	if !ok {
		return
	}
	h.At = at
	f.mu.Lock()
	defer f.mu.Unlock()
	for page := range f.pages {
		select {
		case page <- h:
		default:
			f.drop(page)
		}
	}
}

// describe says whom an event should reach; events that reach no client are not ok.
func describe(event actors.Event) (happening, bool) {
	switch e := event.(type) {
	case actors.StorageUpdate:
		return happening{Kind: "file", Users: usersBelow(e.Storage, e.Path), What: e.Path, ID: e.FileID}, true
	case actors.GroupUpdate:
		return happening{Kind: "file", Users: []string{e.User}, What: "groups"}, true
	case actors.ShareCreated:
		return happening{Kind: "file", Users: []string{e.User}, What: "shares"}, true
	case actors.ActivityAdded:
		return happening{Kind: "activity", Users: []string{e.User}}, true
	case actors.NotificationChanged:
		return happening{Kind: "notification", Users: []string{e.User}}, true
	case actors.Custom:
		return happening{Kind: "custom", Users: []string{e.User}, What: e.Text}, true
	}
	return happening{}, false
}

func usersBelow(storage uint64, path string) []string {
	users := []string{}
	for _, m := range mounts() {
		if m.storage == storage && (m.root == "" || path == m.root || strings.HasPrefix(path, m.root+"/")) {
			users = append(users, m.user)
		}
	}
	return users
}

// ServeHTTP streams what happens as server-sent events until the page is gone.
func (f *feed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	page := make(chan happening, feedBacklog)
	f.mu.Lock()
	f.pages[page] = struct{}{}
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.drop(page)
	}()

	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	flusher := http.NewResponseController(w)
	_ = flusher.Flush()
	for {
		select {
		case h, open := <-page:
			if !open {
				return
			}
			data, _ := json.Marshal(h)
			if _, err := fmt.Fprintf(w, "data: %s\n\n", data); err != nil {
				return
			}
			_ = flusher.Flush()
		case <-r.Context().Done():
			return
		}
	}
}

// drop ends a page's stream, once. f.mu is held.
func (f *feed) drop(page chan happening) {
	if _, open := f.pages[page]; open {
		delete(f.pages, page)
		close(page)
	}
}

func milliseconds(t time.Time) float64 { return float64(t.UnixMicro()) / 1000 }
