package php

import (
	"slices"
	"strings"
)

// statements reads up to the end of the file, a closing brace, or a word that ends a block of the alternative syntax.
func (p *parser) statements(ends ...string) []statement {
	var list []statement
	for p.current.kind != endOfFile && !p.is("}") && !slices.Contains(ends, p.current.sign) {
		list = append(list, p.statement()...)
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

// statement reads one statement, of which nothing is left if it does nothing.
func (p *parser) statement() []statement {
	p.enter()
	defer p.leave()
	p.budget.spend(nodeCost)
	line := p.current.line
	if does := p.action(); does != nil {
		return []statement{{line, does}}
	}
	return nil
}

func (p *parser) action() action {
	line := p.current.line
	switch {
	case p.is("{"):
		return &block{p.braces()}
	case p.accept(";"):
		return nil
	case p.accept("if"):
		return p.ifStatement()
	case p.accept("foreach"):
		return p.foreach()
	case p.accept("switch"):
		return p.switchStatement()
	case p.accept("try"):
		return p.tryStatement()
	case p.accept("while"):
		return &loop{conditions: []expression{p.parenthesised()}, body: p.body()}
	case p.accept("for"):
		p.expect("(")
		l := &loop{before: p.expressions(";"), conditions: p.expressions(";"), after: p.expressions(")")}
		l.body = p.body()
		return l
	case p.accept("do"):
		l := &loop{body: p.body(), late: true}
		p.expect("while")
		l.conditions = []expression{p.parenthesised()}
		p.expect(";")
		return l
	case p.accept("break"):
		return p.jump(breaks)
	case p.accept("continue"):
		return p.jump(continues)
	case p.accept("return"):
		return p.jump(returns)
	case p.accept("echo"):
		s := &expressionStatement{}
		p.several(func() { s.list = append(s.list, p.expression(bindsNothing)) })
		return s
	case p.accept("const"):
		return p.constants(line)
	case p.accept("unset"):
		p.expect("(")
		u := &unsetStatement{p.expressions(")")}
		p.expect(";")
		return u
	case p.accept("namespace"):
		p.namespaceName()
		return nil
	case p.accept("use"):
		p.use()
		return nil
	case p.accept("declare"):
		p.declare()
		return nil
	}
	if p.current.kind == name {
		following := p.following()
		p.refuseStatement(p.current.sign, following)
		if p.is("function") && following.kind == name {
			p.advance()
			name := p.inNamespace(p.identifier())
			p.budget.spend(len(name) + indexCost)
			p.declares[lowered(name)] = true
			return &functionDeclaration{p.function(name, line)}
		}
	}
	s := &expressionStatement{[]expression{p.expression(bindsNothing)}}
	p.expect(";")
	return s
}

// refuseStatement gives up on the statements that are beyond this package.
func (p *parser) refuseStatement(word string, following token) {
	switch {
	case word == "goto", word == "__halt_compiler":
		p.beyond("%s", word)
	case following.kind == name && declaring[word]:
		p.beyond("what declares a class")
	case following.kind == variableName && (word == "global" || word == "static"):
		p.beyond("a %s variable", word)
	case following.is("&") && word == "function":
		p.beyond("a function that returns a reference")
	case following.is(":"):
		p.beyond("a label")
	}
}

// declaring are the words that begin the declaration of a class.
var declaring = wordSet("abstract final readonly class interface trait enum")

// jump reads what follows break, continue or return.
func (p *parser) jump(kind flow) action {
	j := &jump{kind: kind}
	if p.current.kind == number && kind != returns {
		p.beyond("a jump out of many loops")
	}
	if kind == returns && !p.is(";") {
		j.value = p.expression(bindsNothing)
	}
	p.expect(";")
	return j
}

// constants reads what follows const, which is as many calls of define.
func (p *parser) constants(line int32) action {
	s := &expressionStatement{}
	p.several(func() {
		name := &literal{p.inNamespace(p.identifier())}
		p.expect("=")
		s.list = append(s.list, &call{name: "define", arguments: []expression{name, p.expression(bindsNothing)}, line: line})
	})
	return s
}

// body reads the statements that a condition or loop is about.
func (p *parser) body() []statement {
	p.refuse(":", "this alternative syntax")
	return p.statement()
}

func (p *parser) ifStatement() action {
	s := &ifStatement{}
	condition := p.parenthesised()
	alternative := p.accept(":")
	body := p.body
	if alternative {
		body = func() []statement { return p.statements("elseif", "else", "endif") }
	}
	for {
		s.branches = append(s.branches, branch{condition, body()})
		otherwise := p.accept("else")
		if !p.accept("elseif") && (!otherwise || alternative || !p.accept("if")) {
			if otherwise && alternative {
				p.expect(":")
			}
			if otherwise {
				s.otherwise = body()
			}
			break
		}
		condition = p.parenthesised()
		if alternative {
			p.expect(":")
		}
	}
	if alternative {
		p.expect("endif")
		p.expect(";")
	}
	return s
}

// expressions reads a list up to an operator.
func (p *parser) expressions(closing string) []expression {
	var list []expression
	p.list(closing, func() {
		if p.is("...") || p.current.kind == name && p.following().is(":") {
			p.beyond("spread or a named argument")
		}
		list = append(list, p.expression(bindsNothing))
	})
	return list
}

func (p *parser) foreach() action {
	f := &foreach{}
	p.expect("(")
	f.subject = p.expression(bindsNothing)
	p.expect("as")
	f.value = p.loopTarget()
	if p.accept("=>") {
		f.key, f.value = f.value, p.loopTarget()
	}
	p.expect(")")
	f.body = p.body()
	return f
}

func (p *parser) loopTarget() expression {
	p.refuse("&", "a loop by reference")
	target := p.expression(bindsNothing)
	if !isTarget(target) {
		p.unexpected()
	}
	return target
}

func (p *parser) switchStatement() action {
	s := &switchStatement{subject: p.parenthesised()}
	p.refuse(":", "this alternative syntax")
	p.expect("{")
	p.accept(";")
	for !p.accept("}") {
		c := branch{}
		if !p.accept("default") {
			p.expect("case")
			c.condition = p.expression(bindsNothing)
		}
		if !p.accept(":") {
			p.expect(";")
		}
		c.body = p.statements("case", "default")
		s.cases = append(s.cases, c)
	}
	return s
}

func (p *parser) tryStatement() action {
	t := &tryStatement{body: p.braces()}
	p.refuse("finally", "finally")
	p.expect("catch")
	p.expect("(")
	for {
		t.classes = append(t.classes, lowered(p.className(p.takeText(name))))
		if !p.accept("|") {
			break
		}
	}
	if p.current.kind == variableName {
		t.variable = p.takeText(variableName)
	}
	p.expect(")")
	t.caught = p.braces()
	p.refuse("catch", "try with more than one catch")
	p.refuse("finally", "finally")
	return t
}

// namespaceName reads what follows namespace.
func (p *parser) namespaceName() {
	if !p.is("{") {
		p.namespace = p.takeText(name)
		p.classes = map[string]string{}
	}
	p.refuse("{", "a namespace in braces")
	p.expect(";")
}

// use reads imports of classes: use A\B; use A\B as C.
func (p *parser) use() {
	if kind := p.current.sign; (kind == "function" || kind == "const") && p.following().kind == name {
		p.beyond("the import of a %s", kind)
	}
	p.several(func() {
		full := strings.TrimPrefix(p.takeText(name), `\`)
		if strings.HasSuffix(full, "{") {
			p.beyond("the import of a group")
		}
		alias := full[strings.LastIndex(full, `\`)+1:]
		if p.accept("as") {
			alias = p.identifier()
		}
		p.budget.spend(indexCost + len(full) + len(alias))
		p.classes[lowered(alias)] = full
	})
}

// declare reads declare(strict_types=1).
func (p *parser) declare() {
	p.expect("(")
	if directive := lowered(p.identifier()); directive != "strict_types" {
		p.beyond("declare(%s)", directive)
	}
	p.expect("=")
	p.strict = p.current.value == int64(1)
	p.advance()
	p.refuse(",", "declare() of more than one directive")
	p.expect(")")
	p.expect(";")
}
