package dataset

import (
	"math"

	"github.com/expr-lang/expr/ast"
)

// columnExpr computes an expression for all rows of a batch at once. truth
// holds 0 and 1 for what is true or false.
type columnExpr struct {
	number bool // else it is a truth
	eval   func(columns []*columnState, n int, out []float64)
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
	return columnExpr{number: true, eval: func(_ []*columnState, n int, out []float64) {
		for i := range n {
			out[i] = v
		}
	}}
}

// column reads a column. Integers beyond 2^53 are not exact as numbers, so a
// rule on them is only approximate there; dates are microseconds.
func (k *rowCheck) column(name string, columns []*columnState) (columnExpr, bool) {
	for j, at := range k.columns {
		if k.names[j] != name || columns[at].m.kind.textual() {
			continue
		}
		return columnExpr{number: columns[at].m.kind != Boolean, eval: func(columns []*columnState, n int, out []float64) {
			copy(out[:n], columns[at].v.nums)
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
	return columnExpr{number: e.number, eval: func(columns []*columnState, n int, out []float64) {
		e.eval(columns, n, out)
		for i, x := range out[:n] {
			if out[i] = 1 - x; negate {
				out[i] = -x
			}
		}
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
	return columnExpr{number: gives, eval: func(columns []*columnState, n int, out []float64) {
		scratch = resize(scratch, n)
		left.eval(columns, n, out)
		right.eval(columns, n, scratch)
		apply(out[:n], scratch)
	}}, true
}

// operator is what an operator does to a and b, into a; whether it takes
// numbers, and whether it gives one.
func operator(name string) (apply func(a, b []float64), numbers, gives bool) {
	switch name {
	case "+":
		return func(a, b []float64) {
			for i := range a {
				a[i] += b[i]
			}
		}, true, true
	case "-":
		return func(a, b []float64) {
			for i := range a {
				a[i] -= b[i]
			}
		}, true, true
	case "*":
		return func(a, b []float64) {
			for i := range a {
				a[i] *= b[i]
			}
		}, true, true
	case "/":
		return func(a, b []float64) {
			for i := range a {
				a[i] /= b[i]
			}
		}, true, true
	case "<":
		return compare(func(a, b float64) bool { return a < b }), true, false
	case "<=":
		return compare(func(a, b float64) bool { return a <= b }), true, false
	case ">":
		return compare(func(a, b float64) bool { return a > b }), true, false
	case ">=":
		return compare(func(a, b float64) bool { return a >= b }), true, false
	case "==":
		return compare(func(a, b float64) bool { return a == b }), true, false
	case "!=":
		return compare(func(a, b float64) bool { return a != b }), true, false
	case "and", "&&":
		return func(a, b []float64) {
			for i := range a {
				a[i] = math.Min(a[i], b[i])
			}
		}, false, false
	case "or", "||":
		return func(a, b []float64) {
			for i := range a {
				a[i] = math.Max(a[i], b[i])
			}
		}, false, false
	}
	return nil, false, false
}

func compare(holds func(a, b float64) bool) func(a, b []float64) {
	return func(a, b []float64) {
		for i := range a {
			ok := holds(a[i], b[i])
			if a[i] = 0; ok {
				a[i] = 1
			}
		}
	}
}
