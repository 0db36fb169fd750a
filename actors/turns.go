package actors

import "slices"

// turns are the questions that wait until Nextcloud may be asked them. Each origin has its turn when
// all others had theirs, so that who asks many questions waits for the answers alone.
type turns struct {
	lines map[string][]digest // by origin
	order []string            // the origins, the next one first
}

func newTurns() turns { return turns{lines: map[string][]digest{}} }

func (t *turns) add(origin string, sum digest) {
	if len(t.lines[origin]) == 0 {
		t.order = append(t.order, origin)
	}
	t.lines[origin] = append(t.lines[origin], sum)
}

// next takes out the question whose turn it is; ok is false where none waits.
func (t *turns) next() (sum digest, ok bool) {
	if len(t.order) == 0 {
		return sum, false
	}
	origin := t.order[0]
	t.order = t.order[1:]
	line := t.lines[origin]
	if sum = line[0]; len(line) == 1 {
		delete(t.lines, origin)
		return sum, true
	}
	t.lines[origin] = line[1:]
	t.order = append(t.order, origin)
	return sum, true
}

// remove takes a question out, and reports whether it still waited.
func (t *turns) remove(origin string, sum digest) bool {
	line := t.lines[origin]
	at := slices.Index(line, sum)
	switch {
	case at < 0:
		return false
	case len(line) == 1:
		delete(t.lines, origin)
		t.order = slices.DeleteFunc(t.order, func(other string) bool { return other == origin })
	default:
		t.lines[origin] = slices.Delete(line, at, at+1)
	}
	return true
}
