package php

import "slices"

// What an expression may change decides whether it may stay unevaluated where a condition is not known. To change is to assign, to
// throw, to end, or to call what is not one of PHP's functions that only compute.

func (*literal) changes() bool            { return false }
func (*variable) changes() bool           { return false }
func (*constant) changes() bool           { return false }
func (*functionExpression) changes() bool { return false }
func (*assignment) changes() bool         { return true }
func (*construction) changes() bool       { return true }
func (*include) changes() bool            { return true }

func (x *unary) changes() bool           { return x.op == "throw" || x.op == "exit" || change(x.operand) }
func (x *member) changes() bool          { return x.called || change(x.object) }
func (x *namedVariable) changes() bool   { return change(x.name) }
func (x *indexed) changes() bool         { return change(x.base, x.key) }
func (x *ternary) changes() bool         { return x.unsafe || change(x.condition) }
func (x *matchExpression) changes() bool { return x.unsafe || change(x.subject) }

func (x *arrayLiteral) changes() bool {
	return slices.ContainsFunc(x.items, func(item arrayItem) bool { return change(item.key, item.value) })
}

func (x *chain) changes() bool {
	return change(x.first) || slices.ContainsFunc(x.links, func(l link) bool { return l.unsafe || !decides(l.op) && change(l.operand) })
}

func (x *call) changes() bool {
	name := lowered(x.name)
	return x.callee != nil || x.fallback != "" || functions[name].call == nil || impure[name] || change(x.arguments...)
}

// change says whether one of the expressions changes something. Some of them may be nil.
func change(list ...expression) bool {
	return slices.ContainsFunc(list, func(x expression) bool { return x != nil && x.changes() })
}
