package monitor

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/notifypush/notifypush/actors"
)

const (
	// historyStep is the time between two points of the plots, and historyLength how many there are.
	historyStep   = time.Minute
	historyLength = 60
	// tick is how often the counters are read, and recentTicks how many of those the rates of now go back.
	tick        = time.Second
	recentTicks = 10
	// shortest is the shortest time that is a point of a plot: a rate over less jumps.
	shortest = 5 * time.Second
)

// History remembers the last hour of a server's counters, and since when its problems last.
//
// All methods are safe for concurrent use. Run must run for anything to be remembered. It knows no errors.
type History struct {
	stats    func() actors.Stats
	problems func() map[string]string

	mu     sync.Mutex // guards the rest
	recent []reading  // the last few ticks, the oldest first
	minute reading    // with which the point under way began
	points []Point    // the oldest first
	ready  time.Time  // since when there is no problem; zero while there is one
	since  map[string]Problem
}

// reading is what is plotted of the counters, at one moment.
type reading struct {
	at                                     time.Time
	connections, users                     uint64
	events, pushes, logins, refused, ended uint64
}

func readingOf(at time.Time, s actors.Stats) reading {
	r := reading{
		at: at, connections: s.ActiveConnections, users: s.ActiveUsers,
		events: s.EventsReceived, pushes: s.AllMessagesSent(), logins: s.TotalConnections, refused: s.Logins.Refused,
	}
	for _, n := range s.Closed {
		r.ended += n
	}
	return r
}

// Problem is a dependency that cannot be used, or another reason why the server is not ready.
type Problem struct {
	Name   string    `json:"name"`
	Reason string    `json:"reason"`
	Since  time.Time `json:"since"`
}

// Point is what happened in a time: two gauges at its end, and means per second.
type Point struct {
	Connections uint64  `json:"connections"`
	Users       uint64  `json:"users"`
	Events      float64 `json:"events"`
	Pushes      float64 `json:"pushes"`
	Logins      float64 `json:"logins"` // that became connections
	Refused     float64 `json:"refused"`
	Ended       float64 `json:"ended"` // connections, unauthenticated ones included
}

// NewHistory returns an empty history of a server whose counters and problems these functions return.
func NewHistory(stats func() actors.Stats, problems func() map[string]string) *History {
	return &History{stats: stats, problems: problems, since: map[string]Problem{}}
}

// Run reads the counters once a second until ctx ends.
func (h *History) Run(ctx context.Context) {
	RunHistories(ctx, func() []*History { return []*History{h} })
}

// RunHistories is Run for many servers in one process: one goroutine reads the counters of those that histories returns, each second
// anew. The functions that NewHistory was given must not block.
func RunHistories(ctx context.Context, histories func() []*History) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		now := time.Now()
		for _, h := range histories() {
			h.read(now, h.stats(), h.problems())
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

func (h *History) read(now time.Time, stats actors.Stats, problems map[string]string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	latest := readingOf(now, stats)
	if len(h.recent) > recentTicks {
		h.recent = slices.Delete(h.recent, 0, 1)
	}
	h.recent = append(h.recent, latest)
	switch {
	case h.minute.at.IsZero():
		h.minute = latest
	case now.Sub(h.minute.at) >= historyStep:
		h.points = append(h.points, pointOf(h.minute, latest))
		if len(h.points) > historyLength {
			h.points = h.points[1:]
		}
		h.minute = latest
	}
	h.noteProblems(now, problems)
}

func (h *History) noteProblems(now time.Time, problems map[string]string) {
	maps.DeleteFunc(h.since, func(name string, _ Problem) bool {
		_, lasts := problems[name]
		return !lasts
	})
	for name, reason := range problems {
		p, known := h.since[name]
		if !known {
			p.Since = now
		}
		p.Name, p.Reason = name, reason
		h.since[name] = p
	}
	switch {
	case len(problems) > 0:
		h.ready = time.Time{}
	case h.ready.IsZero():
		h.ready = now
	}
}

// Points returns the last hour, the oldest point first: one a minute, and last that of the minute under way.
func (h *History) Points() []Point {
	h.mu.Lock()
	defer h.mu.Unlock()
	points := append([]Point{}, h.points...)
	if n := len(h.recent); n > 0 && h.recent[n-1].at.Sub(h.minute.at) >= shortest {
		points = append(points, pointOf(h.minute, h.recent[n-1]))
	}
	return points
}

// Now returns the last ten seconds.
func (h *History) Now() Point {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.recent) == 0 {
		return Point{}
	}
	return pointOf(h.recent[0], h.recent[len(h.recent)-1])
}

// Problems returns the problems by name, and since when there is none, the zero time while there is one.
func (h *History) Problems() (problems map[string]Problem, ready time.Time) {
	now := h.problems() // which may be younger than the last tick
	h.mu.Lock()
	defer h.mu.Unlock()
	h.noteProblems(time.Now(), now)
	return maps.Clone(h.since), h.ready
}

func pointOf(from, to reading) Point {
	seconds := to.at.Sub(from.at).Seconds()
	rate := func(before, now uint64) float64 {
		if seconds <= 0 {
			return 0
		}
		return float64(now-before) / seconds
	}
	return Point{
		Connections: to.connections, Users: to.users,
		Events:  rate(from.events, to.events),
		Pushes:  rate(from.pushes, to.pushes),
		Logins:  rate(from.logins, to.logins),
		Refused: rate(from.refused, to.refused),
		Ended:   rate(from.ended, to.ended),
	}
}
