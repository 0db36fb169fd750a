package php

import (
	"slices"
	"strings"
)

// How tightly operators bind, as in PHP 8. What binds tighter is greater.
const (
	bindsNothing = iota
	bindsOr
	bindsXor
	bindsAnd
	bindsAssignment
	bindsTernary
	bindsCoalesce
	bindsLogicalOr
	bindsLogicalAnd
	bindsBitOr
	bindsBitXor
	bindsBitAnd
	bindsEquality
	bindsComparison
	bindsConcatenation
	bindsShift
	bindsSum
	bindsProduct
	bindsNot
	bindsInstanceof
	bindsPrefix
	bindsPower
)

var binaryOperators = map[string]int{
	"or": bindsOr, "xor": bindsXor, "and": bindsAnd,
	"??": bindsCoalesce, "||": bindsLogicalOr, "&&": bindsLogicalAnd,
	"|": bindsBitOr, "^": bindsBitXor, "&": bindsBitAnd,
	"==": bindsEquality, "!=": bindsEquality, "<>": bindsEquality, "===": bindsEquality, "!==": bindsEquality, "<=>": bindsEquality,
	"<": bindsComparison, "<=": bindsComparison, ">": bindsComparison, ">=": bindsComparison,
	".": bindsConcatenation, "<<": bindsShift, ">>": bindsShift,
	"+": bindsSum, "-": bindsSum, "*": bindsProduct, "/": bindsProduct, "%": bindsProduct,
	"instanceof": bindsInstanceof, "**": bindsPower,
}

var assignmentOperators = []string{"=", "+=", "-=", "*=", "/=", ".=", "%=", "&=", "|=", "^=", "<<=", ">>=", "**=", "??="}

// expression reads an expression of operators that bind at least as tightly as binding.
func (p *parser) expression(binding int) expression {
	p.enter()
	defer p.leave()
	left := p.prefix()
	for links := 0; ; links++ {
		if links > maxChain {
			p.beyond("an expression of more than %d operators", maxChain)
		}
		if p.current.kind == operator && slices.Contains(assignmentOperators, p.current.text) && isTarget(left) {
			left = p.assignment(left)
			continue
		}
		if p.current.is("?") {
			if binding > bindsTernary {
				return left
			}
			left = p.ternary(left)
			continue
		}
		op := p.binaryOperator()
		power, known := binaryOperators[op]
		if !known || power < binding {
			return left
		}
		left = p.binary(op, power, left)
	}
}

func (p *parser) binaryOperator() string {
	switch p.current.kind {
	case operator:
		return p.current.text
	case name:
		return p.word()
	}
	return ""
}

func (p *parser) binary(op string, power int, left expression) expression {
	p.budget.spend(nodeCost)
	b := &binary{op: op, left: left, line: p.current.line}
	p.advance()
	switch power {
	case bindsCoalesce, bindsPower:
		b.right = p.expression(power)
	case bindsInstanceof:
		b.right = p.instance()
	default:
		b.right = p.expression(power + 1)
	}
	if power == bindsEquality || power == bindsComparison {
		if binaryOperators[p.binaryOperator()] == power {
			p.unexpected()
		}
	}
	return b
}

// instance reads what stands right of instanceof.
func (p *parser) instance() expression {
	if p.current.kind == name {
		class := p.className(p.current.text)
		p.advance()
		return &literal{class}
	}
	return p.expression(bindsInstanceof + 1)
}

func (p *parser) ternary(condition expression) expression {
	p.budget.spend(nodeCost)
	previous, nested := condition.(*ternary)
	nested = nested && !previous.grouped
	p.expect("?")
	t := &ternary{condition: condition}
	if !p.current.is(":") {
		t.then = p.expression(bindsNothing)
	}
	if nested && (previous.then != nil || t.then != nil) {
		p.failAt(p.current.line, "nested ?: needs parentheses")
	}
	p.expect(":")
	t.otherwise = p.expression(bindsTernary + 1)
	return t
}

// isTarget says whether an expression can be assigned to.
func isTarget(e expression) bool {
	switch e.(type) {
	case *variable, *dynamicVariable, *indexed, *property, *staticProperty, *arrayLiteral:
		return true
	}
	return false
}

func (p *parser) assignment(target expression) expression {
	p.budget.spend(nodeCost)
	a := &assignment{target: target, op: p.current.text, line: p.current.line}
	if _, isPattern := target.(*arrayLiteral); isPattern && a.op != "=" {
		p.unexpected()
	}
	p.advance()
	if a.op == "=" && p.current.is("&") {
		a.byReference = true
		p.advance()
	}
	a.value = p.expression(bindsAssignment)
	return a
}

func (p *parser) prefix() expression {
	t := p.current
	switch t.kind {
	case operator:
		switch t.text {
		case "+", "-", "~", "@":
			p.advance()
			return &unary{t.text, p.expression(bindsPrefix)}
		case "!":
			p.advance()
			return &unary{"!", p.expression(bindsNot)}
		case "++", "--":
			p.advance()
			target := p.expression(bindsPrefix)
			if !isTarget(target) {
				p.unexpected()
			}
			return &increment{target: target, op: t.text, prefix: true, line: t.line}
		}
	case number:
		p.advance()
		return &literal{t.value}
	case castOperator:
		p.advance()
		return &cast{t.text, p.expression(bindsPrefix), t.line}
	case name:
		if e, found := p.keyword(); found {
			return e
		}
	}
	return p.postfix(p.primary())
}

// keyword reads the operators that are words and reach as far to the right as they can.
func (p *parser) keyword() (expression, bool) {
	line := p.current.line
	switch word := p.word(); word {
	case "include", "include_once", "require", "require_once":
		p.advance()
		return &include{
			path:     p.expression(bindsNothing),
			once:     strings.HasSuffix(word, "_once"),
			required: strings.HasPrefix(word, "require"),
			line:     line,
		}, true
	case "print":
		p.advance()
		return &unary{"print", p.expression(bindsAssignment)}, true
	case "throw":
		p.advance()
		return &throwExpression{p.expression(bindsNothing), line}, true
	case "clone":
		p.advance()
		return &beyond{"clone", []expression{p.expression(bindsPower)}, line}, true
	case "yield":
		return p.yield(), true
	}
	return nil, false
}

func (p *parser) yield() expression {
	if p.inside == nil {
		p.unexpected()
	}
	p.inside.generator = true
	line := p.current.line
	p.advance()
	p.acceptWord("from")
	y := &beyond{reason: "yield", line: line}
	for _, end := range []string{";", ")", ",", "]", "}"} {
		if p.current.is(end) {
			return y
		}
	}
	y.operands = append(y.operands, p.expression(bindsAssignment))
	if p.accept("=>") {
		y.operands = append(y.operands, p.expression(bindsAssignment))
	}
	return y
}

// postfix reads what follows an operand: indexes, members, calls, ++ and --.
func (p *parser) postfix(e expression) expression {
	for links := 0; ; links++ {
		if links > maxNesting {
			p.beyond("a chain of more than %d members", maxNesting)
		}
		p.budget.spend(nodeCost)
		line := p.current.line
		switch {
		case p.current.is("["):
			p.advance()
			i := &indexed{base: e, line: line}
			if !p.current.is("]") {
				i.key = p.expression(bindsNothing)
			}
			p.expect("]")
			e = i
		case p.current.is("->"), p.current.is("?->"):
			e = p.member(e)
		case p.current.is("::"):
			e = p.classMember(e)
		case p.current.is("("):
			c := &call{callee: e, line: line}
			c.arguments, c.partial = p.arguments()
			e = c
		case (p.current.is("++") || p.current.is("--")) && isTarget(e):
			op := p.current.text
			p.advance()
			return &increment{target: e, op: op, line: line}
		default:
			return e
		}
	}
}

// member reads ->name and ->name(…).
func (p *parser) member(object expression) expression {
	line := p.current.line
	m := &property{base: object, nullsafe: p.current.is("?->"), line: line}
	p.advance()
	switch {
	case p.current.kind == name:
		m.name = &literal{p.identifier()}
	case p.current.kind == variableName:
		m.name = &variable{p.variable(), line}
	case p.accept("{"):
		m.name = p.expression(bindsNothing)
		p.expect("}")
	default:
		p.unexpected()
	}
	if !p.current.is("(") {
		return m
	}
	c := &foreignCall{object: object, line: line}
	if fixed, isLiteral := m.name.(*literal); isLiteral {
		c.method, _ = fixed.value.(string)
	}
	c.arguments, _ = p.arguments()
	return c
}

// classMember reads ::name, ::$name, ::class and their calls.
func (p *parser) classMember(e expression) expression {
	line := p.current.line
	class := ""
	if c, isName := e.(*constant); isName {
		class = c.name
	}
	p.advance()
	switch {
	case p.current.kind == variableName:
		s := &staticProperty{class: class, name: p.variable(), line: line}
		if class == "" {
			return &beyond{"a member of an unknown class", []expression{e}, line}
		}
		return s
	case p.current.kind == name:
		member := p.identifier()
		if p.current.is("(") {
			c := &foreignCall{class: class, method: member, line: line}
			c.arguments, _ = p.arguments()
			return c
		}
		if class == "" {
			return &beyond{"a member of an unknown class", []expression{e}, line}
		}
		return &classConstant{class, member, line}
	case p.accept("{"):
		operand := p.expression(bindsNothing)
		p.expect("}")
		return &beyond{"a member whose name is computed", []expression{e, operand}, line}
	}
	p.unexpected()
	return nil
}

// arguments reads (…). It reports true for f(...), which makes a closure of a function.
func (p *parser) arguments() (arguments []argument, partial bool) {
	p.expect("(")
	for !p.current.is(")") {
		p.budget.spend(nodeCost)
		a := argument{}
		if p.accept("...") {
			if p.current.is(")") && arguments == nil {
				p.advance()
				return nil, true
			}
			a.spread = true
		} else if p.word() != "" && p.following().is(":") {
			a.name = p.identifier()
			p.advance()
		}
		a.value = p.expression(bindsNothing)
		arguments = append(arguments, a)
		if !p.accept(",") {
			break
		}
	}
	p.expect(")")
	return arguments, false
}
