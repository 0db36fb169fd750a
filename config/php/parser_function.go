package php

// functionExpression reads function (…) use (…) {…} and fn (…) => ….
func (p *parser) functionExpression() expression {
	p.budget.spend(4 * nodeCost)
	line := p.current.line
	f := &function{name: "{closure}", at: origin{p.file, line}, strict: p.strict, arrow: p.word() == "fn"}
	if !f.arrow && p.word() != "function" {
		p.unexpected()
	}
	p.advance()
	p.signature(f)
	if !f.arrow {
		f.body = p.braces()
		return &functionExpression{f, line}
	}
	p.expect("=>")
	f.body = []statement{&returnStatement{p.expression(bindsNothing), line}}
	return &functionExpression{f, line}
}

// declaration reads a named function.
func (p *parser) declaration() statement {
	p.budget.spend(4 * nodeCost)
	line := p.current.line
	p.expectWord("function")
	f := &function{at: origin{p.file, line}, strict: p.strict}
	if p.accept("&") {
		f.beyond = "returns a reference"
	}
	f.name = p.inNamespace(p.identifier())
	p.budget.spend(len(f.name) + indexCost)
	p.declares[lowered(f.name)] = true
	p.signature(f)
	f.body = p.braces()
	return &functionDeclaration{f}
}

// signature reads what stands between the name and the body of a function.
func (p *parser) signature(f *function) {
	if p.accept("&") {
		f.beyond = "returns a reference"
	}
	p.expect("(")
	for !p.current.is(")") {
		p.budget.spend(nodeCost)
		parameter := parameter{hint: p.hint()}
		if p.accept("&") {
			f.beyond = "takes a reference"
		}
		parameter.variadic = p.accept("...")
		parameter.name = p.variable()
		if p.accept("=") {
			parameter.fallback = p.expression(bindsNothing)
		}
		f.parameters = append(f.parameters, parameter)
		if !p.accept(",") {
			break
		}
	}
	p.expect(")")
	if !f.arrow && p.acceptWord("use") {
		p.uses(f)
	}
	if p.accept(":") {
		if f.result = p.hint(); f.result == nil {
			p.unexpected()
		}
	}
}

func (p *parser) uses(f *function) {
	p.expect("(")
	for !p.current.is(")") {
		if p.accept("&") {
			f.beyond = "holds a reference"
		}
		p.budget.spend(nodeCost)
		f.uses = append(f.uses, p.variable())
		if !p.accept(",") {
			break
		}
	}
	p.expect(")")
}

// hint reads a type, if there is one: ?int, int|string.
func (p *parser) hint() []string {
	var alternatives []string
	if p.accept("?") {
		alternatives = append(alternatives, "null")
	}
	for p.current.kind == name && (!reserved[p.word()] || p.word() == "callable") {
		alternatives = append(alternatives, lowered(p.current.text))
		p.advance()
		if !p.accept("|") {
			break
		}
	}
	return alternatives
}
