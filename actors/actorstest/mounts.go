package actorstest

import (
	"context"
	"slices"
	"sync"

	"github.com/notifypush/notifypush/actors"
)

// Mounts is an actors.Mounts in memory. The zero value is empty.
type Mounts struct {
	blockable
	mu      sync.Mutex
	mounts  []actors.Mount
	failure error
	queries [][]uint64
}

// Set replaces all mounts.
func (m *Mounts) Set(mounts ...actors.Mount) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mounts = mounts
}

// Fail has queries fail with err from now on; nil lets them succeed again.
func (m *Mounts) Fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failure = err
}

// Queries returns the storages of each MountsOfStorages so far, except where only storage 0 was
// asked for: so a System looks whether the database is there.
func (m *Mounts) Queries() [][]uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.queries)
}

// MountsOfStorages implements actors.Mounts.
func (m *Mounts) MountsOfStorages(ctx context.Context, storages []uint64) ([]actors.Mount, error) {
	m.mu.Lock()
	if !slices.Equal(storages, []uint64{0}) {
		m.queries = append(m.queries, slices.Clone(storages))
	}
	m.mu.Unlock()
	return m.find(ctx, func(mount actors.Mount) bool { return slices.Contains(storages, mount.Storage) })
}

func (m *Mounts) find(ctx context.Context, wanted func(actors.Mount) bool) (found []actors.Mount, err error) {
	if err := m.pass(ctx); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failure != nil {
		return nil, m.failure
	}
	for _, mount := range m.mounts {
		if wanted(mount) {
			found = append(found, mount)
		}
	}
	return found, nil
}

var _ actors.Mounts = (*Mounts)(nil)

// Name is how logs and System.Problems call the port, as they call the real one.
func (*Mounts) Name() string { return "database" }
