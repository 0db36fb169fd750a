package php

import "strings"

// statements reads up to the end of the file, a closing brace, or a word that ends a block of the alternative syntax.
func (p *parser) statements(ends ...string) []statement {
	var list []statement
	for p.current.kind != endOfFile && !p.current.is("}") {
		for _, end := range ends {
			if p.word() == end {
				return list
			}
		}
		if s := p.statement(); s != nil {
			list = append(list, s)
		}
	}
	return list
}

// braces reads {…}.
func (p *parser) braces() []statement {
	p.expect("{")
	list := p.statements()
	p.expect("}")
	return list
}

// end takes the semicolon after a statement, or the closing tag in its place.
func (p *parser) end() { p.expect(";") }

func (p *parser) statement() statement {
	p.enter()
	defer p.leave()
	p.budget.spend(nodeCost)
	line := p.current.line
	switch {
	case p.current.is("{"):
		return &block{p.braces()}
	case p.accept(";"):
		return nil
	}
	if s, found := p.controlStatement(line); found {
		return s
	}
	if s, found := p.declarationStatement(line); found {
		return s
	}
	e := p.expression(bindsNothing)
	p.end()
	return &expressionStatement{e, line}
}

// controlStatement reads what steers the order of execution.
func (p *parser) controlStatement(line int32) (statement, bool) {
	word := p.word()
	switch word {
	case "if":
		return p.ifStatement(), true
	case "while":
		p.advance()
		condition := p.parenthesised()
		return &loop{conditions: []expression{condition}, body: p.controlled("endwhile"), line: line}, true
	case "for":
		return p.forStatement(), true
	case "foreach":
		return p.foreachStatement(), true
	case "switch":
		return p.switchStatement(), true
	case "break", "continue":
		return p.jump(), true
	case "return":
		p.advance()
		r := &returnStatement{line: line}
		if !p.current.is(";") {
			r.value = p.expression(bindsNothing)
		}
		p.end()
		return r, true
	case "try":
		return p.tryStatement(), true
	case "echo":
		p.advance()
		b := &block{}
		for _, x := range p.expressions(";") {
			b.statements = append(b.statements, &expressionStatement{x, line})
		}
		return b, true
	case "do", "goto":
		p.beyond("%s is not evaluated", word)
	}
	return nil, false
}

// declarationStatement reads what declares or takes away a name.
func (p *parser) declarationStatement(line int32) (statement, bool) {
	following := p.following()
	switch word := p.word(); word {
	case "function":
		if following.kind == name || following.is("&") {
			return p.declaration(), true
		}
	case "abstract", "final", "readonly", "class", "interface", "trait", "enum":
		if following.kind == name {
			p.beyond("what declares a class is not evaluated")
		}
	case "namespace":
		if following.kind == name || following.is("{") {
			return p.namespaceStatement(), true
		}
	case "use":
		p.use()
		return nil, true
	case "const":
		return p.constantStatement(), true
	case "declare":
		p.declare()
		return nil, true
	case "global", "static":
		if following.kind == variableName {
			p.advance()
			p.expressions(";")
			return &expressionStatement{&beyond{"a " + word + " variable", line}, line}, true
		}
	case "unset":
		p.advance()
		u := &unsetStatement{p.operands(), line}
		p.end()
		return u, true
	case "__halt_compiler":
		p.beyond("%s is not evaluated", word)
	}
	return nil, false
}

func (p *parser) parenthesised() expression {
	p.expect("(")
	e := p.expression(bindsNothing)
	p.expect(")")
	return e
}

// single reads the one statement that is the body of a loop or branch.
func (p *parser) single() []statement {
	s := p.statement()
	if b, isBlock := s.(*block); isBlock {
		return b.statements
	}
	if s == nil {
		return nil
	}
	return []statement{s}
}

// controlled reads a body, in the alternative syntax too: a colon and statements up to the end word.
func (p *parser) controlled(end string) []statement {
	if !p.accept(":") {
		return p.single()
	}
	body := p.statements(end)
	p.expectWord(end)
	p.end()
	return body
}

func (p *parser) ifStatement() statement {
	s := &ifStatement{line: p.current.line}
	p.expectWord("if")
	condition := p.parenthesised()
	if p.accept(":") {
		return p.alternativeIf(s, condition)
	}
	s.branches = append(s.branches, ifBranch{condition, p.single()})
	for {
		p.budget.spend(nodeCost)
		switch {
		case p.acceptWord("elseif"):
		case p.word() == "else" && strings.EqualFold(p.following().text, "if") && p.following().kind == name:
			p.advance()
			p.advance()
		case p.acceptWord("else"):
			s.otherwise = p.single()
			return s
		default:
			return s
		}
		condition := p.parenthesised()
		if p.current.is(":") {
			p.beyond("else if with a colon is not evaluated")
		}
		s.branches = append(s.branches, ifBranch{condition, p.single()})
	}
}

func (p *parser) alternativeIf(s *ifStatement, condition expression) statement {
	for {
		p.budget.spend(nodeCost)
		s.branches = append(s.branches, ifBranch{condition, p.statements("elseif", "else", "endif")})
		if !p.acceptWord("elseif") {
			break
		}
		condition = p.parenthesised()
		p.expect(":")
	}
	if p.acceptWord("else") {
		p.expect(":")
		s.otherwise = p.statements("endif")
	}
	p.expectWord("endif")
	p.end()
	return s
}

func (p *parser) forStatement() statement {
	l := &loop{line: p.current.line}
	p.expectWord("for")
	p.expect("(")
	l.before = p.expressions(";")
	l.conditions = p.expressions(";")
	l.after = p.expressions(")")
	l.body = p.controlled("endfor")
	return l
}

func (p *parser) expressions(end string) []expression {
	var list []expression
	for !p.current.is(end) {
		list = append(list, p.expression(bindsNothing))
		if !p.accept(",") {
			break
		}
	}
	p.expect(end)
	return list
}

func (p *parser) foreachStatement() statement {
	f := &foreach{line: p.current.line}
	p.expectWord("foreach")
	p.expect("(")
	f.subject = p.expression(bindsNothing)
	p.expectWord("as")
	reference := p.accept("&")
	f.value = p.expression(bindsNothing)
	if p.accept("=>") {
		f.key = f.value
		reference = p.accept("&")
		f.value = p.expression(bindsNothing)
	}
	if !isTarget(f.value) || f.key != nil && !isTarget(f.key) {
		p.unexpected()
	}
	p.expect(")")
	f.body = p.controlled("endforeach")
	if reference {
		return &expressionStatement{&beyond{"a loop by reference", f.line}, f.line}
	}
	return f
}

func (p *parser) switchStatement() statement {
	s := &switchStatement{line: p.current.line}
	p.expectWord("switch")
	s.subject = p.parenthesised()
	alternative := p.accept(":")
	if !alternative {
		p.expect("{")
	}
	p.accept(";")
	for p.word() == "case" || p.word() == "default" {
		p.budget.spend(nodeCost)
		c := switchCase{}
		if p.acceptWord("case") {
			c.value = p.expression(bindsNothing)
		} else {
			p.advance()
		}
		if !p.accept(":") {
			p.expect(";")
		}
		c.body = p.statements("case", "default", "endswitch")
		s.cases = append(s.cases, c)
	}
	if alternative {
		p.expectWord("endswitch")
		p.end()
	} else {
		p.expect("}")
	}
	return s
}

func (p *parser) jump() statement {
	j := &jump{kind: breaks, levels: 1}
	if p.word() == "continue" {
		j.kind = continues
	}
	p.advance()
	if p.current.kind == number {
		levels, isInt := p.current.value.(int64)
		if !isInt || levels < 1 || levels > maxNesting {
			p.unexpected()
		}
		j.levels = int(levels)
		p.advance()
	}
	p.end()
	return j
}

func (p *parser) tryStatement() statement {
	t := &tryStatement{}
	p.expectWord("try")
	t.body = p.braces()
	for p.acceptWord("catch") {
		p.budget.spend(nodeCost)
		c := catchClause{}
		p.expect("(")
		for {
			if p.current.kind != name {
				p.unexpected()
			}
			c.classes = append(c.classes, lowered(p.className(p.current.text)))
			p.advance()
			if !p.accept("|") {
				break
			}
		}
		if p.current.kind == variableName {
			c.variable = p.variable()
		}
		p.expect(")")
		c.body = p.braces()
		t.catches = append(t.catches, c)
	}
	if p.word() == "finally" {
		p.beyond("finally is not evaluated")
	}
	if len(t.catches) == 0 {
		p.unexpected()
	}
	return t
}

func (p *parser) namespaceStatement() statement {
	p.expectWord("namespace")
	p.namespace = ""
	clear(p.classes)
	clear(p.functions)
	if p.current.kind == name {
		p.namespace = p.current.text
		p.advance()
	}
	if p.current.is("{") {
		return &block{p.braces()}
	}
	p.end()
	return nil
}

// use reads imports of classes and functions: use A\B; use A\B as C; use function f.
func (p *parser) use() {
	p.expectWord("use")
	imports := p.classes
	switch {
	case p.acceptWord("function"):
		imports = p.functions
	case p.word() == "const":
		p.beyond("the import of a constant is not evaluated")
	}
	for {
		if p.current.kind != name || strings.HasSuffix(p.current.text, `\`) {
			p.beyond("the import of a group is not evaluated")
		}
		full := strings.TrimPrefix(p.current.text, `\`)
		p.advance()
		alias := full[strings.LastIndex(full, `\`)+1:]
		if p.acceptWord("as") {
			alias = p.identifier()
		}
		p.budget.spend(indexCost + len(full) + len(alias))
		imports[lowered(alias)] = full
		if !p.accept(",") {
			break
		}
	}
	p.end()
}

func (p *parser) constantStatement() statement {
	p.expectWord("const")
	b := &block{}
	for {
		p.budget.spend(nodeCost)
		c := &constantDeclaration{line: p.current.line, name: p.inNamespace(p.identifier())}
		p.expect("=")
		c.value = p.expression(bindsNothing)
		b.statements = append(b.statements, c)
		if !p.accept(",") {
			break
		}
	}
	p.end()
	return b
}

// declare reads declare(strict_types=1); other directives change nothing here.
func (p *parser) declare() {
	p.expectWord("declare")
	p.expect("(")
	for {
		directive := lowered(p.identifier())
		p.expect("=")
		value := p.current.value
		p.expression(bindsNothing)
		switch directive {
		case "strict_types":
			p.strict = value == int64(1)
		case "ticks":
			p.beyond("ticks are not evaluated")
		}
		if !p.accept(",") {
			break
		}
	}
	p.expect(")")
	p.end()
}
