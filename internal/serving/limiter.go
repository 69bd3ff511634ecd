package serving

import (
	"cmp"
	"math"
	"slices"
	"sync"

	"github.com/slipway-ml/slipway/internal/spec"
)

// limiter lets batches of several models run as far as the resources go that the models share.
//
// A batch takes all that it needs at once, or waits holding nothing: no two wait for each other. Whose turn it is
// follows smooth weighted round-robin (nginx's upstream balancing, 2012), which a priority N gives the weight
// 1/N: of the models that wait, the one with the most credit is first, and a model whose batch is let in pays
// each that is left waiting behind it for one of its resources that one's weight. So while all of them wait, each gets the share
// of turns that its weight is of the sum, spread evenly; a model that asks for nothing gains nothing
// meanwhile; and as payments stay among those who compete, neither models on other resources nor a long history counts.
//
// Nobody waits for ever. What those before need is set aside: a batch goes past them only with what they leave, so that a model
// which needs much is not overtaken by small ones again and again. Whoever waits is paid for each turn of
// another before its own; and credit is bounded, for it goes from those who have more to those who have less.
type limiter struct {
	stock Stock

	mu      sync.Mutex
	pools   map[poolKey]*pool
	shares  []*share
	waiting []*turn // the first is the next
	arrived uint64
}

// poolKey is a resource and its place, see Stock.
type poolKey struct{ name, place string }

// pool is what there is of a resource at a place.
type pool struct {
	limit, used int
	spare       int // of grant: what those before leave
}

// share is a model version's part in what a limiter gives out. Nil needs nothing and is never refused.
type share struct {
	l        *limiter
	claims   []claim
	weight   float64
	priority int
	// Guarded by l.mu.
	credit float64
	most   int // batches of it that the resources suffice for at once
}

// claim is what a batch takes of a pool.
type claim struct {
	key  poolKey
	n    int
	pool *pool
}

// turn is a batch that waits, or has been let in.
type turn struct {
	of      *share
	arrived uint64
	granted chan struct{} // closed when it is let in
}

func newLimiter(stock Stock) *limiter { return &limiter{stock: stock, pools: map[poolKey]*pool{}} }

// join adds a model on a device. The share is nil if its batches need nothing. It is an error if
// they need more than there is.
func (l *limiter) join(d spec.Deployment, device string) (*share, error) {
	if err := l.stock.enough(d.Resources, device); err != nil || len(d.Resources) == 0 {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &share{l: l, weight: 1 / float64(max(d.Priority, 1)), priority: max(d.Priority, 1)}
	for name, n := range d.Resources {
		key := poolKey{name, l.stock.place(name, device)}
		if l.pools[key] == nil {
			l.pools[key] = &pool{}
		}
		s.claims = append(s.claims, claim{key, n, l.pools[key]})
	}
	l.shares = append(l.shares, s)
	l.count()
	return s, nil
}

// leave takes the model out. Those it competed with share its credit, so that theirs stay what they are to each other
// and to who comes after.
func (s *share) leave() {
	if s == nil {
		return
	}
	l := s.l
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.shares, s)
	if i < 0 {
		return
	}
	l.shares = slices.Delete(l.shares, i, i+1)
	l.waiting = slices.DeleteFunc(l.waiting, func(t *turn) bool { return t.of == s })
	var rivals []*share
	for _, other := range l.shares {
		if s.competes(other) {
			rivals = append(rivals, other)
		}
	}
	for _, r := range rivals {
		r.credit += s.credit / float64(len(rivals))
	}
	l.count()
}

// count brings the pools to what the stock and the models say, and lets in whom that lets. The caller holds l.mu.
func (l *limiter) count() {
	needed := map[poolKey]int{}
	for _, s := range l.shares {
		for _, c := range s.claims {
			needed[c.key] = max(needed[c.key], c.n)
		}
	}
	for key, p := range l.pools {
		n, ok := l.stock.count(key.name, key.place)
		if !ok {
			n = needed[key]
		}
		p.limit = n
		if needed[key] == 0 && p.used == 0 {
			delete(l.pools, key)
		}
	}
	for _, s := range l.shares {
		s.most = math.MaxInt
		for _, c := range s.claims {
			s.most = min(s.most, c.pool.limit/c.n)
		}
	}
	l.grant()
}

// grant lets in whom the resources suffice for. The caller holds l.mu.
func (l *limiter) grant() {
	slices.SortFunc(l.waiting, func(a, b *turn) int {
		return cmp.Or(cmp.Compare(b.of.credit, a.of.credit), cmp.Compare(a.arrived, b.arrived))
	})
	for _, p := range l.pools {
		p.spare = p.limit - p.used
	}
	admitted := make([]bool, len(l.waiting))
	for i, t := range l.waiting {
		admitted[i] = true
		for _, c := range t.of.claims {
			admitted[i] = admitted[i] && c.pool.spare >= c.n
			c.pool.spare -= c.n
		}
	}
	for i, t := range l.waiting {
		if admitted[i] {
			for _, c := range t.of.claims {
				c.pool.used += c.n
			}
			close(t.granted)
			t.of.pay(l.waiting[i+1:], admitted[i+1:])
		}
	}
	left := l.waiting[:0]
	for i, t := range l.waiting {
		if !admitted[i] {
			left = append(left, t)
		}
	}
	clear(l.waiting[len(left):])
	l.waiting = left
}

// pay gives each share that is left waiting behind, and competes, its weight of this one's credit.
func (s *share) pay(behind []*turn, admitted []bool) {
	for i, t := range behind {
		again := slices.ContainsFunc(behind[:i], func(before *turn) bool { return before.of == t.of })
		if !admitted[i] && !again && t.of != s && s.competes(t.of) {
			s.credit -= t.of.weight
			t.of.credit += t.of.weight
		}
	}
}

// competes tells whether both take of one pool.
func (s *share) competes(other *share) bool {
	for _, c := range s.claims {
		if slices.ContainsFunc(other.claims, func(o claim) bool { return o.key == c.key }) {
			return true
		}
	}
	return false
}
