package dataset

import "github.com/expr-lang/expr/ast"

// columnExpr computes an expression for all rows of a batch at once: into out, or
// it gives numbers that are there already, which nobody may change. Truths are 0 and 1.
type columnExpr struct {
	number bool // else it is a truth
	eval   func(columns []*columnState, n int, out []float64) []float64
}

// vectorise compiles the rules that compare, add and join numbers, dates and
// truths; false for anything else, which the expression machine sees to. The
// meaning is the machine's: what differs (text, nil, functions) is left to it.
func (k *rowCheck) vectorise(columns []*columnState) {
	if k.check.rule == nil || k.check.rule.nullable {
		return
	}
	if e, ok := k.compile(k.check.rule.root, columns); ok && !e.number {
		k.vector = e.eval
	}
}

func (k *rowCheck) compile(node ast.Node, columns []*columnState) (columnExpr, bool) {
	switch n := node.(type) {
	case *ast.IntegerNode:
		return constant(float64(n.Value)), true
	case *ast.FloatNode:
		return constant(n.Value), true
	case *ast.IdentifierNode:
		return k.column(n.Value, columns)
	case *ast.UnaryNode:
		return k.unary(n, columns)
	case *ast.BinaryNode:
		return k.binary(n, columns)
	}
	return columnExpr{}, false
}

func constant(v float64) columnExpr {
	return columnExpr{number: true, eval: func(_ []*columnState, n int, out []float64) []float64 {
		for i := range out[:n] {
			out[i] = v
		}
		return out[:n]
	}}
}

// column reads a column. Integers beyond 2^53 are not exact as numbers, so a
// rule on them is only approximate there; dates are microseconds.
func (k *rowCheck) column(name string, columns []*columnState) (columnExpr, bool) {
	for j, at := range k.columns {
		if k.names[j] != name || columns[at].m.kind.textual() {
			continue
		}
		return columnExpr{number: columns[at].m.kind != Boolean, eval: func(columns []*columnState, n int, _ []float64) []float64 {
			return columns[at].v.nums[:n]
		}}, true
	}
	return columnExpr{}, false
}

func (k *rowCheck) unary(n *ast.UnaryNode, columns []*columnState) (columnExpr, bool) {
	e, ok := k.compile(n.Node, columns)
	negate := n.Operator == "-"
	switch {
	case !ok, negate != e.number, !negate && n.Operator != "not" && n.Operator != "!":
		return columnExpr{}, false
	}
	return columnExpr{number: e.number, eval: func(columns []*columnState, n int, out []float64) []float64 {
		of := e.eval(columns, n, out)
		for i, x := range of {
			if out[i] = 1 - x; negate {
				out[i] = -x
			}
		}
		return out[:n]
	}}, true
}

func (k *rowCheck) binary(n *ast.BinaryNode, columns []*columnState) (columnExpr, bool) {
	left, okL := k.compile(n.Left, columns)
	right, okR := k.compile(n.Right, columns)
	if !okL || !okR || left.number != right.number {
		return columnExpr{}, false
	}
	apply, numbers, gives := operator(n.Operator)
	if apply == nil || numbers != left.number {
		return columnExpr{}, false
	}
	var scratch []float64
	return columnExpr{number: gives, eval: func(columns []*columnState, n int, out []float64) []float64 {
		scratch = resize(scratch, n)
		a, b := left.eval(columns, n, out), right.eval(columns, n, scratch)
		apply(out[:n], a, b[:n])
		return out[:n]
	}}, true
}

// operator is what an operator makes of a and b, in out, which may be a; whether
// it takes numbers, and whether it gives one.
func operator(name string) (apply func(out, a, b []float64), numbers, gives bool) {
	switch name {
	case "+":
		return func(out, a, b []float64) {
			for i, x := range a {
				out[i] = x + b[i]
			}
		}, true, true
	case "-":
		return func(out, a, b []float64) {
			for i, x := range a {
				out[i] = x - b[i]
			}
		}, true, true
	case "*":
		return func(out, a, b []float64) {
			for i, x := range a {
				out[i] = x * b[i]
			}
		}, true, true
	case "/":
		return func(out, a, b []float64) {
			for i, x := range a {
				out[i] = x / b[i]
			}
		}, true, true
	case "<":
		return less, true, false
	case "<=":
		return atMost, true, false
	case ">":
		return func(out, a, b []float64) { less(out, b, a) }, true, false
	case ">=":
		return func(out, a, b []float64) { atMost(out, b, a) }, true, false
	case "==":
		return func(out, a, b []float64) {
			for i, x := range a {
				out[i] = truth(x == b[i])
			}
		}, true, false
	case "!=":
		return func(out, a, b []float64) {
			for i, x := range a {
				out[i] = truth(x != b[i])
			}
		}, true, false
	case "and", "&&":
		return func(out, a, b []float64) {
			for i, x := range a {
				out[i] = x * b[i]
			}
		}, false, false
	case "or", "||":
		return func(out, a, b []float64) {
			for i, x := range a {
				out[i] = truth(x+b[i] != 0)
			}
		}, false, false
	}
	return nil, false, false
}

func less(out, a, b []float64) {
	for i, x := range a {
		out[i] = truth(x < b[i])
	}
}

func atMost(out, a, b []float64) {
	for i, x := range a {
		out[i] = truth(x <= b[i])
	}
}

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
