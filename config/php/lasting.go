package php

// lasting is a static variable, of which each closure has one of its own.
type lasting struct {
	slots []*slot
	lost  *unknown // why none of them is known, whenever it comes to be
}

func (e *evaluator) lastingOf(s *staticStatement) *lasting {
	l := e.lasting[s]
	if l == nil {
		e.budget.spend(indexCost)
		l = &lasting{}
		e.lasting[s] = l
	}
	return l
}

func (e *evaluator) static(s *staticStatement) {
	kept := e.scope.statics[s]
	if kept == nil {
		e.budget.spend(indexCost)
		kept = &slot{}
		if s.value != nil {
			kept.value = e.eval(s.value)
		}
		l := e.lastingOf(s)
		if l.lost != nil {
			kept.value = *l.lost
		}
		l.slots = append(l.slots, kept)
		e.scope.statics[s] = kept
	}
	e.scope.variables[s.name] = kept
}

// loseStatic makes a static variable unknown for good, for code that is not evaluated may change it, now or later.
func (e *evaluator) loseStatic(s *staticStatement) {
	u := e.unknown("code that is not evaluated may change $" + s.name)
	u.kept = true
	l := e.lastingOf(s)
	l.lost = &u
	for _, kept := range l.slots {
		kept.value = u
	}
}

// global is a variable outside of all functions and methods, which others may have set.
func (e *evaluator) global(name string) *slot {
	s := e.outside[name]
	if s == nil {
		e.budget.spend(indexCost + len(name))
		s = &slot{e.unknown("global variables are not known")}
		e.outside[name] = s
	}
	return s
}

// loseGlobal makes a global variable unknown for good.
func (e *evaluator) loseGlobal(name, reason string) {
	u := e.unknown(reason)
	u.kept = true
	e.global(name).value = u
}
