package php

// expression is a node of the syntax tree that has a value, action one that has none. Both sets are closed: each kind of node says how
// PHP evaluates it, each expression whether that may change something, and the compiler finds the kind that does not.
type (
	expression interface {
		eval(e *evaluator) Value
		changes() bool
	}

	action interface{ execute(e *evaluator) outcome }
)

type (
	literal struct{ value Value }

	arrayLiteral struct {
		constant *Array // of the first items, as far as they are literals; nil when there are none
		items    []arrayItem
	}

	arrayItem struct {
		key, value expression // key is nil in a list, and value in a gap of a list of targets
		spread     bool
		line       int32
	}

	variable struct {
		name string
		line int32
	}

	// namedVariable is a variable in a string that an expression names.
	namedVariable struct {
		name expression
		line int32
	}

	// indexed is base[key]; the key is nil in base[].
	indexed struct {
		base, key expression
		line      int32
	}

	// member is object->name, or class::name where there is no object; also with arguments, called.
	member struct {
		object      expression
		class, name string
		called      bool
		arguments   []expression
		line        int32
	}

	// constant is looked up as name and then, inside a namespace, as fallback.
	constant struct {
		name, fallback string
		line           int32
	}

	// call is of a function by its name, found as that of a constant is, or of what an expression gives.
	call struct {
		name, fallback string
		callee         expression
		arguments      []expression
		line           int32
	}

	// construction is new Class(…).
	construction struct {
		class     string
		arguments []expression
		line      int32
	}

	// unary has an operator before its operand, the type of a cast, isset, empty, throw, or exit, which has none.
	unary struct {
		op      string
		operand expression
	}

	// chain is operands with binary operators between them that bind equally, evaluated from the left. A string with variables in it is one,
	// too: '' . part . part.
	chain struct {
		first expression
		links []link
	}

	link struct {
		op      string
		operand expression
		unsafe  bool // to leave out, because it changes something; only where the operator decides
	}

	ternary struct {
		condition, then, otherwise expression // then is nil in ?:
		grouped                    bool       // in parentheses
		unsafe                     bool       // a branch changes something
	}

	// assignment has op "=", a compound one, or ++ and -- without a value.
	assignment struct {
		target, value expression
		op            string
		postfix       bool // it is worth what was there before
		line          int32
	}

	include struct {
		path           expression
		once, required bool
		line           int32
	}

	matchExpression struct {
		subject expression
		arms    []matchArm
		unsafe  bool // an arm changes something
	}

	matchArm struct {
		conditions []expression // empty in the default arm
		result     expression
	}

	functionExpression struct{ function *function }
)

type function struct {
	name       string // "" for a function expression
	parameters []parameter
	result     []string // the alternatives of the declared type, in lower case; none where there is no type
	body       []statement
	arrow      expression // fn() => arrow, which sees its surroundings and has no body
	uses       []string
	at         origin
}

type parameter struct {
	name     string
	fallback expression
	hint     []string // as a function's result
}

// statement is what happens at a line.
type statement struct {
	line int32
	action
}

type (
	block               struct{ statements []statement }
	functionDeclaration struct{ function *function }
	expressionStatement struct{ list []expression } // also echo, whose output goes nowhere
	unsetStatement      struct{ targets []expression }

	// jump is break, continue, or return with its value, if there is one.
	jump struct {
		kind  flow
		value expression
	}

	ifStatement struct {
		branches  []branch
		otherwise []statement
	}

	// loop is for, while and do: the last two have only a condition.
	loop struct {
		before, conditions, after []expression
		body                      []statement
		late                      bool // the condition comes after the body
	}

	foreach struct {
		subject, key, value expression // key may be nil
		body                []statement
	}

	switchStatement struct {
		subject expression
		cases   []branch
	}

	// branch is what runs on a condition; that of the default case of a switch is nil.
	branch struct {
		condition expression
		body      []statement
	}

	// tryStatement has one catch.
	tryStatement struct {
		body     []statement
		classes  []string // in lower case
		variable string   // "" when there is none
		caught   []statement
	}
)

// script is a parsed file.
type script struct {
	statements []statement
	strict     bool            // declare(strict_types=1)
	declares   map[string]bool // the functions that it declares anywhere, in lower case
}
