package php

func (x *constant) eval(e *evaluator) Value {
	e.on(x.line)
	for _, name := range []string{x.name, x.fallback} {
		if v, known := e.constantNamed(name); known {
			return v
		}
	}
	return e.mayThrow(e.unknown("the constant " + x.name + " is not known"))
}

func (e *evaluator) constantNamed(name string) (Value, bool) {
	if v, defined := e.constants[name]; defined {
		return v, true
	}
	v, known := constants[name]
	return v, known
}

// define makes a constant. One that exists already keeps its value.
func (e *evaluator) define(name string, v Value) bool {
	if _, exists := e.constantNamed(name); exists {
		return false
	}
	e.budget.spend(indexCost + len(name))
	e.constants[name] = share(v)
	return true
}
