package cli

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/notifypush/notifypush/cli/instances"
	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/internal/backoff"
	"github.com/notifypush/notifypush/internal/files"
)

// wish is what is to be done for a member. Several may be there at once.
type wish uint

const (
	readConfiguration wish = 1 << iota
	readOrigins
	leave
)

// member is an instance of a folder, whether it can be served or not.
type member struct {
	name    string
	settled chan struct{} // closed when it is known for the first time whether it can be served
	files   files.Quota

	// guarded by hosting.mu
	found    instances.Found
	wishes   wish
	working  bool
	claim    instances.Claim
	instance *instance // nil while it is not served
	err      error     // why its configuration cannot be used; nil when it can
	retryAt  time.Time // when its files may be there; zero: they are

	// owned by its goroutine
	log      *logging // nil before the first
	failures int      // to read its configuration, in a row
}

// firstRetry and lastRetry are how long it takes until the files of an instance are looked for again.
const firstRetry, lastRetry = 2 * time.Second, 5 * time.Minute

func newMember(name string) *member {
	return &member{name: name, settled: make(chan struct{}), claim: instances.Claim{Instance: name, Unknown: true}}
}

// memberState is what a member was at one moment.
type memberState struct {
	*member
	instance *instance
	err      error
	retryAt  time.Time
}

// problems says why it is not ready; nil when it is.
func (m memberState) problems() map[string]string {
	switch {
	case m.instance != nil:
		if problems := m.instance.problems(); len(problems) > 0 {
			return problems
		}
		return nil
	case m.err != nil:
		return map[string]string{"configuration": onOneLine(m.err.Error())}
	default:
		return map[string]string{"start": "the instance has not begun yet"}
	}
}

// snapshot are the members at this moment, in order of their names.
func (h *hosting) snapshot() []memberState {
	h.mu.Lock()
	defer h.mu.Unlock()
	var states []memberState
	for _, name := range slices.Sorted(maps.Keys(h.members)) {
		m := h.members[name]
		states = append(states, memberState{m, m.instance, m.err, m.retryAt})
	}
	return states
}

// served are the instances that are served at this moment.
func (h *hosting) served() []*instance {
	var served []*instance
	for _, m := range h.snapshot() {
		if m.instance != nil {
			served = append(served, m.instance)
		}
	}
	return served
}

// want has something done for a member, by a goroutine that ends when nothing is left to do.
func (h *hosting) want(m *member, what wish) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ending {
		return
	}
	m.wishes |= what
	m.retryAt = time.Time{}
	if !m.working {
		m.working = true
		h.working.Go(func() { h.work(m) })
	}
}

// next takes what is to be done for a member; 0 when that is nothing.
func (h *hosting) next(m *member) (what wish) {
	h.mu.Lock()
	defer h.mu.Unlock()
	what, m.wishes = m.wishes, 0
	if h.ending {
		what = 0
	}
	m.working = what != 0
	return what
}

func (h *hosting) work(m *member) {
	for {
		what := h.next(m)
		switch {
		case what == 0:
			return
		case what&leave != 0:
			h.leave(m)
			return
		case what&readConfiguration != 0:
			h.update(m)
		case m.instance != nil:
			m.instance.readOrigins(h.ctx)
		}
	}
}

// read reads an instance's configuration. A few are read at a time.
func (h *hosting) read(ctx context.Context, m *member) *config.Result {
	select {
	case h.loading <- struct{}{}:
		defer func() { <-h.loading }()
	case <-ctx.Done():
	}
	h.mu.Lock()
	from := m.found.InstanceFiles // of now: the instance may have begun with others
	h.mu.Unlock()
	return reader.LoadInstance(m.files.With(ctx), from, h.process.Load())
}

// update has a member be what its files say.
func (h *hosting) update(m *member) {
	next := h.read(h.ctx, m)
	if h.ctx.Err() != nil {
		return
	}
	err := errors.Join(instances.CheckName(m.name), next.Err(), missingFile(next.Settings))
	if m.log == nil {
		m.log = newLogging(h.quota(m.name), h.process.Load().Settings.Log) // apply takes the instance's level
		m.log.Logger = m.log.With(zap.String("instance", m.name))
	}
	if err == nil {
		err = h.apply(m, next)
	}
	if err != nil && h.ctx.Err() != nil {
		return
	}
	h.note(m, next, err)
}

// quota is the log of an instance.
func (h *hosting) quota(name string) io.Writer {
	return &logQuota{out: h.lines, onDropped: func(lines int) {
		h.daemon.log.Warn("an instance logs too much: lines dropped", zap.String("instance", name), zap.Int("lines", lines))
	}}
}

// apply begins the instance, or has its configuration count, for which it may have to begin anew.
func (h *hosting) apply(m *member, next *config.Result) error {
	i := m.instance
	if i != nil {
		changed, needRestart := differences(i.now, next)
		switch {
		case len(needRestart) > 0:
			m.log.Warn("the instance is restarted: settings have changed that need it", zap.Strings("settings", needRestart))
			h.setInstance(m, nil)
			i.close()
		case len(changed) > 0:
			_, err := i.take(next)
			return err
		default:
			i.now = next
			return nil
		}
	}
	select {
	case h.starting <- struct{}{}:
		defer func() { <-h.starting }()
	case <-h.ctx.Done():
		return h.ctx.Err()
	}
	m.log.configure(next.Settings.Log.Level)
	i, err := newInstance(instanceOptions{
		name: m.name, result: next, log: m.log, shared: h.shared, adminToken: h.daemon.adminToken,
		load:        func(ctx context.Context) *config.Result { return h.read(ctx, m) },
		pageRefused: func() { h.want(m, readOrigins) },
	})
	if err != nil {
		return err
	}
	for _, warning := range next.Warnings {
		m.log.Warn("configuration", zap.String("warning", warning))
	}
	select {
	case <-i.start(context.WithoutCancel(h.ctx), h.clients): // it is drained at the end
	case <-h.ctx.Done():
	}
	hearing, cancel := context.WithTimeout(h.ctx, readyPatience)
	_ = i.system.Ready(hearing) // else later
	cancel()
	h.setInstance(m, i)
	h.ifDrained(func() { _ = i.drain(true) })
	m.log.Info("serving", zap.String("version", Version()))
	return nil
}

// note keeps what the members' states show, and logs what changes.
func (h *hosting) note(m *member, next *config.Result, err error) {
	claim := instances.Claim{Instance: m.name, Given: next.Settings.Hosting.Hosts, Derived: next.Settings.Instance.Hosts}
	h.mu.Lock()
	before := m.err
	m.err = err
	if err == nil {
		m.claim, m.failures = claim, 0
	} else {
		if m.instance == nil && len(claim.Given)+len(claim.Derived) > 0 { // else it is what it was called before, or not known
			m.claim = claim
		}
		m.retryAt = time.Now().Add(backoff.Wait(m.failures, firstRetry, lastRetry))
		m.failures++
	}
	isServed := m.instance != nil
	h.mu.Unlock()
	switch {
	case err == nil && before != nil:
		m.log.Warn("the instance's configuration can be used again")
	case err == nil || before != nil && before.Error() == err.Error():
	case isServed:
		m.log.warnUnusable(err)
	default:
		m.log.Error("the instance cannot be served", zap.String("error", onOneLine(err.Error())))
	}
	select {
	case <-m.settled:
	default:
		close(m.settled)
	}
	h.changed.Set()
}

func (h *hosting) setInstance(m *member, i *instance) {
	h.mu.Lock()
	m.instance = i
	h.mu.Unlock()
	h.changed.Set()
}

// leave ends an instance whose files are gone.
func (h *hosting) leave(m *member) {
	i := m.instance
	h.setInstance(m, nil)
	if i != nil {
		i.close()
	}
	h.mu.Lock()
	delete(h.members, m.name)
	h.mu.Unlock()
	if m.log != nil {
		m.log.Warn("the instance is removed")
	}
	h.changed.Set()
	h.listing.Set() // its file may be there again
}
