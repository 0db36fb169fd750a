package fleet

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/notifypush/notifypush/actors"
)

// One node, the reader, reads the mounts for all: its actors have heard the same events. It publishes what it reads, and all
// others learn it. A node that has not heard the rows that it waits for asks the reader; one that is not answered reads itself.

const (
	// gatherTime is how long the reader waits for more to ask for, once somebody has asked.
	gatherTime = 25 * time.Millisecond
	// answerTimeout is how long the reader may take over an answer.
	answerTimeout = 2 * time.Second
	// readTimeout is how long the database may take over what others ask for.
	readTimeout = 10 * time.Second
	// maxAsked is how many storages one message names, and maxWanted how many the reader notes that others want.
	maxAsked, maxWanted = 1000, 10_000
	// maxUnpublished is how many reads wait until they are published. Rows that do not find room are asked for.
	maxUnpublished = 32
	// rowBytesPerSecond bounds the rows that a node publishes.
	rowBytesPerSecond = 8 << 20
)

// mountsMessage is the part of a message that is about mounts.
type mountsMessage struct {
	// Storages are those that a node asks for, or those of which the rows follow.
	Storages []uint64 `json:"storages"`
	// Reader is who is asked.
	Reader string `json:"reader,omitempty"`
	// Again says that older rows are known.
	Again bool `json:"again,omitempty"`
	// Failed says that there is no answer: each may read by itself.
	Failed bool `json:"failed,omitempty"`
	// Began is when the read began: for each node a time of its own clock before that.
	Began map[string]time.Duration `json:"began,omitempty"`
	Took  time.Duration            `json:"took,omitempty"`
	Rows  []usersOfRoot            `json:"rows,omitempty"`
}

// usersOfRoot are the users who see a storage from a root.
type usersOfRoot struct {
	Storage uint64   `json:"storage"`
	Root    string   `json:"root,omitempty"`
	Users   []string `json:"users"`
}

func (m *mountsMessage) isWellFormed() bool {
	return len(m.Storages) <= maxAsked && len(m.Reader) <= maxName && len(m.Began) <= maxMembers && m.Took >= 0
}

// mounts is what a node knows of reads, its own and those of others. Fleet.mu guards it.
type mounts struct {
	reader       string              // where others read
	asks         map[*ask]struct{}   // of this node, without an answer yet
	wanted       map[uint64]bool     // what others ask this node for, and whether they know older rows
	under        map[uint64]int      // storages of which reads are under way here
	unresponsive map[string]struct{} // nodes that have not answered
}

func newMounts() mounts {
	return mounts{asks: map[*ask]struct{}{}, wanted: map[uint64]bool{}, under: map[uint64]int{}, unresponsive: map[string]struct{}{}}
}

// ask is a question to the reader.
type ask struct {
	reader string
	left   map[uint64]struct{} // without an answer
	failed []uint64
	done   chan struct{} // closed when nothing is left, or the reader is gone
}

// fail notes that storages are not answered.
func (a *ask) fail(storages []uint64) {
	for _, storage := range storages {
		if _, waits := a.left[storage]; waits {
			delete(a.left, storage)
			a.failed = append(a.failed, storage)
		}
	}
}

// unpublished are rows that were read here.
type unpublished struct {
	mountsMessage
	mounts []actors.Mount
}

// Reading implements actors.Peers.
func (f *Fleet) Reading() actors.Reading { return actors.Reading(f.part.Load()) }

// chooseReader makes the node the reader whose name comes first among those that answer. Fleet.mu is held.
func (f *Fleet) chooseReader() {
	reader := f.options.Node
	if f.isEnding {
		reader = ""
	}
	alone := f.members.deaf
	if !alone {
		alone = true
		for name, m := range f.members.known {
			if m.gone {
				delete(f.mounts.unresponsive, name)
				continue
			}
			alone = false
			if _, isUnresponsive := f.mounts.unresponsive[name]; !isUnresponsive && !m.Ending && (reader == "" || name < reader) {
				reader = name
			}
		}
	}
	part := actors.OthersRead
	switch {
	case alone || reader == "":
		part = actors.ReadsAlone
	case reader == f.options.Node:
		part = actors.ReadsForAll
	}
	f.part.Store(int32(part))
	f.mounts.reader = reader
	for a := range f.mounts.asks {
		if m := f.members.known[a.reader]; m == nil || m.gone || f.members.deaf {
			f.endAsk(a)
		}
	}
}

// ReadMounts implements actors.Peers.
func (f *Fleet) ReadMounts(ctx context.Context, storages []uint64, again bool, read actors.ReadFunc) error {
	switch f.Reading() {
	case actors.ReadsForAll:
		return f.readForAll(ctx, storages, again, read)
	case actors.OthersRead:
		if storages = f.askReader(ctx, storages, again); len(storages) == 0 {
			return nil
		}
	}
	_, err := read(ctx, storages)
	return err
}

// readForAll reads, and has the rows published.
func (f *Fleet) readForAll(ctx context.Context, storages []uint64, again bool, read actors.ReadFunc) error {
	began := time.Now()
	f.mu.Lock()
	rows := &unpublished{mountsMessage: mountsMessage{Storages: storages, Again: again, Began: f.members.clocks(began)}}
	for _, storage := range storages {
		f.mounts.under[storage]++
	}
	f.mu.Unlock()
	mounts, err := read(ctx, storages)
	rows.mounts, rows.Took, rows.Failed = mounts, time.Since(began), err != nil
	f.mu.Lock()
	for _, storage := range storages {
		if f.mounts.under[storage]--; f.mounts.under[storage] == 0 {
			delete(f.mounts.under, storage)
		}
	}
	f.mu.Unlock()
	select {
	case f.unpublished <- rows:
	default: // who waits asks for them
	}
	return err
}

// askReader asks for rows, and returns the storages that are not answered. The rows of all others have been learned.
func (f *Fleet) askReader(ctx context.Context, storages []uint64, again bool) (unanswered []uint64) {
	f.mu.Lock()
	reader := f.mounts.reader
	if reader == "" || reader == f.options.Node { // since a moment ago
		f.mu.Unlock()
		return storages
	}
	a := &ask{reader: reader, left: make(map[uint64]struct{}, len(storages)), done: make(chan struct{})}
	for _, storage := range storages {
		a.left[storage] = struct{}{}
	}
	f.mounts.asks[a] = struct{}{}
	f.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	_, err := f.publish(ctx, message{Kind: askMounts, Mounts: &mountsMessage{Storages: storages, Reader: a.reader, Again: again}})
	if err == nil {
		select {
		case <-a.done:
		case <-ctx.Done():
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil && len(a.left) > 0 && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		f.mounts.unresponsive[a.reader] = struct{}{}
	}
	f.endAsk(a)
	f.chooseReader()
	return slices.AppendSeq(a.failed, maps.Keys(a.left))
}

// endAsk has nobody wait for an ask any more. Fleet.mu is held.
func (f *Fleet) endAsk(a *ask) {
	if _, waits := f.mounts.asks[a]; waits {
		delete(f.mounts.asks, a)
		close(a.done)
	}
}

// onAsked notes what another node asks for, unless it is being read.
func (f *Fleet) onAsked(m *mountsMessage) {
	if m.Reader != f.options.Node {
		return
	}
	f.mu.Lock()
	for _, storage := range m.Storages {
		if f.mounts.under[storage] == 0 && len(f.mounts.wanted) < maxWanted {
			f.mounts.wanted[storage] = m.Again || f.mounts.wanted[storage]
		}
	}
	f.mu.Unlock()
	f.asked.Set()
}

// onRows learns what another node has read. Rows that cannot be dated count as a failure.
func (f *Fleet) onRows(system System, node string, m *mountsMessage) {
	clock, heard := m.Began[f.options.Node]
	failed := m.Failed || !heard
	if !failed {
		system.LearnMounts(actors.MountsRead{
			Storages: m.Storages, Mounts: m.mounts(), Asked: f.made.Add(clock), Took: m.Took, Again: m.Again,
		})
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.mounts.unresponsive, node)
	f.chooseReader()
	for a := range f.mounts.asks {
		switch {
		case !failed:
			for _, storage := range m.Storages {
				delete(a.left, storage)
			}
		case a.reader == node:
			a.fail(m.Storages)
		}
		if len(a.left) == 0 {
			f.endAsk(a)
		}
	}
}

// mounts returns the rows of a message.
func (m *mountsMessage) mounts() (mounts []actors.Mount) {
	for _, r := range m.Rows {
		for _, user := range r.Users {
			mounts = append(mounts, actors.Mount{Storage: r.Storage, User: user, Root: r.Root})
		}
	}
	return mounts
}

// answerAsks reads what other nodes ask for.
func (f *Fleet) answerAsks(ctx context.Context, system System) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.asked:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(gatherTime):
		}
		for storages, again := f.takeWanted(); len(storages) > 0; storages, again = f.takeWanted() {
			f.readAsked(ctx, system, storages, again)
		}
	}
}

func (f *Fleet) takeWanted() (storages []uint64, again bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for storage, known := range f.mounts.wanted {
		if len(storages) == maxAsked {
			break
		}
		storages, again = append(storages, storage), again || known
		delete(f.mounts.wanted, storage)
	}
	return storages, again
}

func (f *Fleet) readAsked(ctx context.Context, system System, storages []uint64, again bool) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	read := actors.MountsRead{Storages: storages, Again: again}
	err := f.readForAll(ctx, storages, again, func(ctx context.Context, storages []uint64) (_ []actors.Mount, err error) {
		read.Asked = time.Now()
		read.Mounts, err = system.ReadMounts(ctx, storages)
		read.Took = time.Since(read.Asked)
		return read.Mounts, err
	})
	if err == nil {
		system.LearnMounts(read)
	}
}

// publishRows publishes what was read here.
func (f *Fleet) publishRows(ctx context.Context) {
	second, sent := time.Now(), 0
	for {
		select {
		case <-ctx.Done():
			return
		case read := <-f.unpublished:
			if time.Since(second) >= time.Second {
				second, sent = time.Now(), 0
			}
			for _, part := range read.parts() {
				if sent > rowBytesPerSecond {
					part.Failed, part.Rows = true, nil
				}
				published, _ := f.publish(ctx, message{Kind: rows, Mounts: &part})
				sent += published.bytes
			}
		}
	}
}

// partSize is about how many bytes of rows one message has, where a storage has no more.
const partSize = maxMessage / 4

// parts returns the messages that tell all rows: each has whole storages.
func (u *unpublished) parts() []mountsMessage {
	if u.Failed {
		return []mountsMessage{u.mountsMessage}
	}
	type place struct {
		storage uint64
		root    string
	}
	byRoot := map[place][]string{}
	sizes := map[uint64]int{}
	for _, m := range u.mounts {
		at := place{m.Storage, m.Root}
		if len(byRoot[at]) == 0 {
			sizes[m.Storage] += len(m.Root) + 64
		}
		byRoot[at] = append(byRoot[at], m.User)
		sizes[m.Storage] += len(m.User) + 3
	}
	rows := map[uint64][]usersOfRoot{}
	for at, users := range byRoot {
		rows[at.storage] = append(rows[at.storage], usersOfRoot{at.storage, at.root, users})
	}
	var parts []mountsMessage
	size := partSize
	for _, storage := range u.Storages {
		if size += sizes[storage] + 12; size > partSize || len(parts) == 0 {
			parts = append(parts, u.mountsMessage)
			parts[len(parts)-1].Storages = nil
			size = sizes[storage] + 12
		}
		part := &parts[len(parts)-1]
		part.Storages = append(part.Storages, storage)
		part.Rows = append(part.Rows, rows[storage]...)
	}
	return parts
}
