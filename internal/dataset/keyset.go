package dataset

import (
	"fmt"
	"math"
)

const (
	// maxKeys bounds the keys of other tables that are told apart exactly, over all foreign keys of a schema.
	maxKeys = maxUnique
	// keyBits is the size of the Bloom filters that stand for more keys, together: 128 MiB.
	keyBits   = 1 << 30
	keyProbes = 4
)

// keySet is the keys of another table: by their 64-bit hashes while they are few, by
// a filter (Bloom, 1970) beyond, which finds every key that was added and a small share of others.
// It is read by several goroutines once it is filled.
type keySet struct {
	label  string // of the other table
	exact  *hashSet
	filter []uint64 // where exact is nil
	bits   int      // of the filter, a power of two
	n      int64    // different keys
}

// newKeySet returns a set that takes the n-th part of the memory.
func newKeySet(n int) *keySet {
	bits := keyBits
	for bits*n > keyBits {
		bits /= 2
	}
	return &keySet{exact: &hashSet{limit: maxKeys / n}, bits: bits}
}

func (k *keySet) add(hash uint64) {
	if k.exact == nil {
		k.mark(hash)
		return
	}
	k.exact.add(hash)
	k.n = int64(k.exact.n)
	if !k.exact.full {
		return
	}
	k.filter, k.n = make([]uint64, k.bits/64), 0
	k.exact.each(k.mark)
	k.exact = nil
}

// mark adds a key to the filter.
func (k *keySet) mark(hash uint64) {
	isNew := false
	k.probe(filled(hash), func(word *uint64, bit uint64) bool {
		isNew = isNew || *word&bit == 0
		*word |= bit
		return true
	})
	if isNew {
		k.n++
	}
}

// has tells whether a key was added; beyond maxKeys it may tell so of others.
func (k *keySet) has(hash uint64) bool {
	if k.exact != nil {
		return k.exact.has(hash)
	}
	there := true
	k.probe(filled(hash), func(word *uint64, bit uint64) bool {
		there = *word&bit != 0
		return there
	})
	return there
}

// probe visits the bits of a key (Kirsch and Mitzenmacher, 2006) until visit says to stop.
func (k *keySet) probe(hash uint64, visit func(word *uint64, bit uint64) bool) {
	step := mix(hash) | 1
	for range keyProbes {
		at := hash & uint64(k.bits-1)
		if !visit(&k.filter[at/64], 1<<(at%64)) {
			return
		}
		hash += step
	}
}

// method says how exact has is.
func (k *keySet) method() Method {
	if k.exact != nil {
		return Exact
	}
	wrong := math.Pow(1-math.Exp(-keyProbes*float64(k.n)/float64(k.bits)), keyProbes)
	return Method(fmt.Sprintf("Bloom filter of about %d values: %.2g %% of the values that are not there count as there", k.n, 100*wrong))
}

// has tells whether a hash is held.
func (s *hashSet) has(hash uint64) bool {
	hash = filled(hash)
	part := s.parts[hash>>56]
	if len(part) == 0 {
		return false
	}
	mask := uint64(len(part) - 1)
	for at := hash >> 8 & mask; part[at] != 0; at = (at + 1) & mask {
		if part[at] == hash {
			return true
		}
	}
	return false
}
