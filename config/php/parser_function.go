package php

import "strings"

// functionExpression reads function (…) use (…) {…} and fn (…) => ….
func (p *parser) functionExpression() expression {
	line := p.current.line
	f := &function{name: "{closure}", at: origin{p.file, line}, strict: p.strict, arrow: p.word() == "fn"}
	if !f.arrow && p.word() != "function" {
		p.unexpected()
	}
	p.advance()
	f.byReference = p.accept("&")
	f.parameters = p.parameters()
	if !f.arrow && p.acceptWord("use") {
		f.uses = p.uses()
	}
	f.result = p.resultHint()
	if !f.arrow {
		p.body(f)
		return &functionExpression{f, line}
	}
	p.expect("=>")
	outer := p.inside
	p.inside = f
	f.body = []statement{&returnStatement{p.expression(bindsNothing), line}}
	p.inside = outer
	return &functionExpression{f, line}
}

// declaration reads a named function.
func (p *parser) declaration() statement {
	line := p.current.line
	p.expectWord("function")
	f := &function{at: origin{p.file, line}, strict: p.strict}
	f.byReference = p.accept("&")
	f.name = p.inNamespace(p.identifier())
	f.parameters = p.parameters()
	f.result = p.resultHint()
	p.body(f)
	return &functionDeclaration{f}
}

func (p *parser) body(f *function) {
	outer := p.inside
	p.inside = f
	f.body = p.braces()
	p.inside = outer
}

func (p *parser) parameters() []parameter {
	var list []parameter
	p.expect("(")
	for !p.current.is(")") {
		p.budget.spend(nodeCost)
		p.attributes()
		parameter := parameter{hint: p.hint()}
		parameter.byReference = p.accept("&")
		parameter.variadic = p.accept("...")
		parameter.name = p.variable()
		if p.accept("=") {
			parameter.fallback = p.expression(bindsNothing)
		}
		list = append(list, parameter)
		if !p.accept(",") {
			break
		}
	}
	p.expect(")")
	return list
}

func (p *parser) uses() []closureUse {
	var list []closureUse
	p.expect("(")
	for !p.current.is(")") {
		use := closureUse{byReference: p.accept("&")}
		use.name = p.variable()
		list = append(list, use)
		if !p.accept(",") {
			break
		}
	}
	p.expect(")")
	return list
}

func (p *parser) resultHint() *typeHint {
	if !p.accept(":") {
		return nil
	}
	hint := p.hint()
	if hint == nil {
		p.unexpected()
	}
	return hint
}

// hint reads a type, if there is one: ?int, int|string, A&B, (A&B)|null.
func (p *parser) hint() *typeHint {
	hint := &typeHint{}
	if p.accept("?") {
		hint.alternatives = append(hint.alternatives, "null")
	}
	for {
		p.accept("(")
		if p.current.kind != name || reserved[p.word()] && p.word() != "callable" {
			break
		}
		hint.alternatives = append(hint.alternatives, strings.ToLower(p.current.text))
		p.advance()
		p.accept(")")
		if next := p.following(); p.current.is("&") && (next.kind == variableName || next.is("...") || next.is("&")) {
			break
		}
		if !p.accept("|") && !p.accept("&") {
			break
		}
	}
	if len(hint.alternatives) == 0 {
		return nil
	}
	return hint
}

// attributes skips #[…] before a function or class, with the brackets and strings in it.
func (p *parser) attributes() {
	for p.accept("#[") {
		for depth := 1; depth > 0; p.advance() {
			switch {
			case p.current.kind == endOfFile:
				p.unexpected()
			case p.current.kind == template:
				p.template('"')
			case p.current.is("["), p.current.is("#["):
				depth++
			case p.current.is("]"):
				depth--
			}
		}
	}
}

// attributed reads a function or class that attributes stand before.
func (p *parser) attributed() {
	p.attributes()
	switch p.word() {
	case "fn", "function", "static", "class", "interface", "trait", "enum", "abstract", "final", "readonly":
	default:
		p.unexpected()
	}
}
