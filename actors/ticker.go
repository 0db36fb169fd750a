package actors

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// ticker ticks once in wheelTick for the timer wheels of all Systems on one runtime that have a connection. Without one it has no
// timer, and it never has a goroutine that waits. It is safe for concurrent use.
type ticker struct {
	mu     sync.Mutex
	wheels map[*wheel]struct{}
	timer  *time.Timer // nil while there is no wheel
}

// add has a wheel tick until remove.
func (t *ticker) add(w *wheel) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wheels[w] = struct{}{}
	if t.timer == nil {
		t.timer = time.AfterFunc(wheelTick, t.tick)
	}
}

func (t *ticker) remove(w *wheel) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if delete(t.wheels, w); len(t.wheels) == 0 && t.timer != nil {
		t.timer.Stop()
		t.timer = nil
	}
}

// tick turns the wheels, none of which blocks.
func (t *ticker) tick() {
	now := time.Now()
	t.mu.Lock()
	wheels := slices.Collect(maps.Keys(t.wheels))
	if t.timer != nil {
		t.timer.Reset(wheelTick)
	}
	t.mu.Unlock()
	for _, w := range wheels {
		w.tick(now)
	}
}
