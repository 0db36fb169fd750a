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
	if p.current.is("{") {
		return &block{p.braces()}
	}
	if p.accept(";") {
		return nil
	}
	word := p.word()
	following := p.current
	if word != "" {
		following = p.following()
	}
	switch word {
	case "if":
		p.advance()
		return p.ifStatement(line)
	case "foreach":
		p.advance()
		return p.foreach(line)
	case "switch":
		p.advance()
		return p.switchStatement(line)
	case "break", "continue":
		p.advance()
		if p.current.kind == number {
			p.beyond("a jump out of many loops is not evaluated")
		}
		p.end()
		return &jump{word == "continue"}
	case "return":
		p.advance()
		r := &returnStatement{line: line}
		if !p.current.is(";") {
			r.value = p.expression(bindsNothing)
		}
		p.end()
		return r
	case "try":
		p.advance()
		return p.tryStatement()
	case "echo":
		p.advance()
		return p.listed(func() statement { return &expressionStatement{p.expression(bindsNothing), line} })
	case "const":
		p.advance()
		return p.listed(func() statement {
			c := &constantDeclaration{name: p.inNamespace(p.identifier()), line: line}
			p.expect("=")
			c.value = p.expression(bindsNothing)
			return c
		})
	case "unset":
		p.advance()
		p.expect("(")
		u := &unsetStatement{p.expressions(")"), line}
		p.end()
		return u
	case "namespace":
		if following.kind == name {
			p.advance()
			p.namespace = p.identifierOrPath()
			p.classes = map[string]string{}
		}
		if following.is("{") || p.current.is("{") {
			p.beyond("a namespace in braces is not evaluated")
		}
		p.end()
		return nil
	case "use":
		p.advance()
		p.use()
		return nil
	case "declare":
		p.advance()
		p.declare()
		return nil
	case "function":
		if following.kind == name {
			p.advance()
			name := p.inNamespace(p.identifier())
			p.budget.spend(len(name) + indexCost)
			p.declares[lowered(name)] = true
			return &functionDeclaration{p.function(name, line)}
		}
		if following.is("&") {
			p.beyond("a function that returns a reference is not evaluated")
		}
	case "while":
		p.advance()
		return &loop{conditions: []expression{p.parenthesised()}, body: p.body(), line: line}
	case "for":
		p.advance()
		p.expect("(")
		l := &loop{before: p.expressions(";"), conditions: p.expressions(";"), after: p.expressions(")"), line: line}
		l.body = p.body()
		return l
	case "do":
		p.advance()
		l := &loop{body: p.body(), late: true, line: line}
		p.expectWord("while")
		l.conditions = []expression{p.parenthesised()}
		p.end()
		return l
	case "goto", "__halt_compiler":
		p.beyond("%s is not evaluated", word)
	case "abstract", "final", "readonly", "class", "interface", "trait", "enum":
		if following.kind == name {
			p.beyond("what declares a class is not evaluated")
		}
	case "global", "static":
		if following.kind == variableName {
			p.beyond("a %s variable is not evaluated", word)
		}
	}
	if word != "" && following.is(":") {
		p.beyond("a label is not evaluated")
	}
	e := p.expression(bindsNothing)
	p.end()
	return &expressionStatement{e, line}
}

// listed reads statements of one kind, with commas between them.
func (p *parser) listed(read func() statement) statement {
	b := &block{}
	for {
		p.budget.spend(nodeCost)
		b.statements = append(b.statements, read())
		if !p.accept(",") {
			p.end()
			return b
		}
	}
}

// body reads the statements that a condition or loop is about.
func (p *parser) body() []statement {
	if p.current.is(":") {
		p.beyond("this alternative syntax is not evaluated")
	}
	if s := p.statement(); s != nil {
		return []statement{s}
	}
	return nil
}

func (p *parser) ifStatement(line int32) statement {
	s := &ifStatement{line: line}
	condition := p.parenthesised()
	alternative := p.accept(":")
	for {
		p.budget.spend(nodeCost)
		if alternative {
			s.branches = append(s.branches, branch{condition, p.statements("elseif", "else", "endif")})
		} else {
			s.branches = append(s.branches, branch{condition, p.body()})
		}
		otherwise := p.acceptWord("else")
		if !p.acceptWord("elseif") && (!otherwise || alternative || !p.acceptWord("if")) {
			if otherwise && alternative {
				p.expect(":")
				s.otherwise = p.statements("endif")
			} else if otherwise {
				s.otherwise = p.body()
			}
			break
		}
		condition = p.parenthesised()
		if alternative {
			p.expect(":")
		}
	}
	if alternative {
		p.expectWord("endif")
		p.end()
	}
	return s
}

// expressions reads a list up to an operator.
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

func (p *parser) foreach(line int32) statement {
	f := &foreach{line: line}
	p.expect("(")
	f.subject = p.expression(bindsNothing)
	p.expectWord("as")
	for {
		if p.current.is("&") {
			p.beyond("a loop by reference is not evaluated")
		}
		f.value = p.expression(bindsNothing)
		if !p.accept("=>") {
			break
		}
		f.key = f.value
	}
	if !isTarget(f.value) || f.key != nil && !isTarget(f.key) {
		p.unexpected()
	}
	p.expect(")")
	f.body = p.body()
	return f
}

func (p *parser) switchStatement(line int32) statement {
	s := &switchStatement{subject: p.parenthesised(), line: line}
	if p.current.is(":") {
		p.beyond("this alternative syntax is not evaluated")
	}
	p.expect("{")
	p.accept(";")
	for p.word() == "case" || p.word() == "default" {
		p.budget.spend(nodeCost)
		c := branch{}
		if p.acceptWord("case") {
			c.condition = p.expression(bindsNothing)
		} else {
			p.advance()
		}
		if !p.accept(":") {
			p.expect(";")
		}
		c.body = p.statements("case", "default")
		s.cases = append(s.cases, c)
	}
	p.expect("}")
	return s
}

func (p *parser) tryStatement() statement {
	t := &tryStatement{body: p.braces()}
	if p.word() == "finally" {
		p.beyond("finally is not evaluated")
	}
	p.expectWord("catch")
	p.expect("(")
	for {
		t.classes = append(t.classes, lowered(p.className(p.current.text)))
		p.identifierOrPath()
		if !p.accept("|") {
			break
		}
	}
	if p.current.kind == variableName {
		t.variable = p.variable()
	}
	p.expect(")")
	t.caught = p.braces()
	if p.word() == "catch" || p.word() == "finally" {
		p.beyond("try with more than one catch is not evaluated")
	}
	return t
}

// use reads imports of classes: use A\B; use A\B as C.
func (p *parser) use() {
	if kind := p.word(); (kind == "function" || kind == "const") && p.following().kind == name {
		p.beyond("the import of a %s is not evaluated", kind)
	}
	for {
		full := strings.TrimPrefix(p.identifierOrPath(), `\`)
		if strings.HasSuffix(full, "{") {
			p.beyond("the import of a group is not evaluated")
		}
		alias := full[strings.LastIndex(full, `\`)+1:]
		if p.acceptWord("as") {
			alias = p.identifier()
		}
		p.budget.spend(indexCost + len(full) + len(alias))
		p.classes[lowered(alias)] = full
		if !p.accept(",") {
			break
		}
	}
	p.end()
}

// declare reads declare(strict_types=1).
func (p *parser) declare() {
	p.expect("(")
	if directive := lowered(p.identifier()); directive != "strict_types" {
		p.beyond("declare(%s) is not evaluated", directive)
	}
	p.expect("=")
	p.strict = p.current.value == int64(1)
	p.advance()
	if p.current.is(",") {
		p.beyond("declare() of more than one directive is not evaluated")
	}
	p.expect(")")
	p.end()
}
