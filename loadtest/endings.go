package loadtest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// endings lists why connections ended, most frequent first.
func endings(t tally) string {
	reasons := slices.SortedFunc(maps.Keys(t.Endings), func(a, b string) int {
		return cmp.Or(cmp.Compare(t.Endings[b], t.Endings[a]), cmp.Compare(a, b))
	})
	var said []string
	for _, reason := range reasons {
		said = append(said, fmt.Sprintf("%d × %s", t.Endings[reason], reason))
	}
	if len(said) == 0 {
		return "no connection ended"
	}
	return strings.Join(said, "; ")
}

// ended is how many connections ended.
func ended(t tally) (total int) {
	for _, n := range t.Endings {
		total += n
	}
	return total
}

// addEndings says when connections ended that should have lasted, and when something came that is no push.
func (b *bench) addEndings(t tally) {
	if len(t.Endings) > 0 {
		b.note("connections ended: " + endings(t))
	}
	if t.Strange > 0 {
		b.note(fmt.Sprintf("%d messages were no pushes, such as %q", t.Strange, t.Sample))
	}
}
