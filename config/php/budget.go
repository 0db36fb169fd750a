package php

import (
	"cmp"
	"context"
	"fmt"
	"time"
)

// Limits bound the work of one [Evaluate]. A zero field means its default.
type Limits struct {
	Time     time.Duration // for all files together; default 2 s
	Memory   int           // bytes by which the process may grow, besides the files themselves; default 64 MiB
	FileSize int64         // bytes of a file that is evaluated or read; default 8 MiB
}

const (
	defaultTime     = 2 * time.Second
	defaultMemory   = 64 << 20
	defaultFileSize = 8 << 20

	maxSteps      = 1_500_000 // a fraction of a second, so that the outcome seldom depends on the machine's speed
	stepCost      = 16        // bytes that a step takes, besides what is spent where it is allocated
	maxStringSize = 2 << 20   // bytes of one string
	maxNumeral    = 2000      // digits of an integer that is too large for 64 bits and not decimal
	maxNesting    = 500       // of expressions and statements in the source, and of arrays within each other
	maxDepth      = 5000      // evaluations within each other, calls of functions included
	maxTries      = 200       // try blocks within each other
	maxIncludes   = 50        // files that include each other
	maxWarnings   = 100       // of what a file looks for in vain
	maxPaths      = 128       // ways through the files that conditions of unknown outcome open
)

func (l Limits) withDefaults() Limits {
	return Limits{cmp.Or(l.Time, defaultTime), cmp.Or(l.Memory, defaultMemory), cmp.Or(l.FileSize, defaultFileSize)}
}

// budget is what is left of the limits. Memory that was spent never comes back, so the process cannot grow by more than the
// budget even if nothing is collected meanwhile; a part of the limit is kept for what is not counted.
type budget struct {
	ctx    context.Context
	limits Limits
	memory int
	steps  int

	exhausted bool // a limit was reached
}

func newBudget(ctx context.Context, limits Limits) *budget {
	return &budget{ctx: ctx, limits: limits, memory: limits.Memory / 8 * 5, steps: maxSteps}
}

// givenUp is what the parser and the evaluator panic with when they cannot say any more what PHP would do.
type givenUp struct{ reason string }

// step accounts for work, and for the memory that such work takes.
func (b *budget) step(n int) {
	b.look(n)
	b.spend(n * stepCost)
}

// look accounts for work that takes no memory. It panics with *givenUp when there was too much of it.
func (b *budget) look(n int) {
	before := b.steps
	b.steps -= n
	if b.steps < 0 {
		b.exhausted = true
		panic(&givenUp{"it takes too much work"})
	}
	if b.steps>>10 != before>>10 && b.ctx.Err() != nil {
		b.exhausted = true
		panic(&givenUp{fmt.Sprintf("it takes longer than %v", b.limits.Time)})
	}
}

// spend accounts for memory before it is allocated and panics with *givenUp when there is none left.
func (b *budget) spend(bytes int) {
	if bytes < 0 || bytes > b.memory {
		b.memory, b.exhausted = 0, true
		panic(&givenUp{fmt.Sprintf("it takes more than %d MiB of memory", b.limits.Memory>>20)})
	}
	b.memory -= bytes
}
