package blobindex

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Memory is an index that ends with the process. It is for tests, and for
// reading a copy of a store without its catalog: see Repository.Reindex.
type Memory struct {
	mu    sync.Mutex
	blobs map[Sum]Blob
	packs map[string]Pack
	pins  map[string]pin
}

type pin struct{ begun, until time.Time }

// NewMemory returns an empty index.
func NewMemory() *Memory {
	return &Memory{blobs: map[Sum]Blob{}, packs: map[string]Pack{}, pins: map[string]pin{}}
}

// PinUpload implements artifacts.Index.
func (m *Memory) PinUpload(_ context.Context, upload string, begin bool, until time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, ok := m.pins[upload]
	switch {
	case begin:
		p = pin{begun: time.Now()}
	case !ok:
		return fmt.Errorf("upload %s: %w", upload, ErrExpired)
	case until.IsZero():
		until = time.Now()
	}
	m.pins[upload] = pin{p.begun, until}
	return nil
}

// FindBlobs implements artifacts.Index.
func (m *Memory) FindBlobs(_ context.Context, sums []Sum, touch bool) ([]Blob, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []Blob
	for _, sum := range sums {
		b, ok := m.blobs[sum]
		if !ok {
			continue
		}
		if touch {
			b.Touched = time.Now()
			m.blobs[sum] = b
		}
		found = append(found, b)
	}
	return found, nil
}

// SavePack implements artifacts.Index.
func (m *Memory) SavePack(_ context.Context, upload string, p Pack, blobs []Blob) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.pins[upload]; !ok {
		return 0, fmt.Errorf("upload %s: %w", upload, ErrExpired)
	}
	if old, ok := m.packs[p.ID]; !ok {
		m.packs[p.ID] = Pack{ID: p.ID, Bytes: p.Bytes, Saved: time.Now()}
	} else if old.Condemned {
		return 0, nil
	}
	won := 0
	for _, b := range blobs {
		old, ok := m.blobs[b.Sum]
		if b.From != "" {
			if !ok || old.Pack != b.From {
				continue
			}
			b.Touched, b.From = old.Touched, ""
		} else if b.Touched = time.Now(); ok {
			old.Touched = b.Touched
			b = old
		}
		m.blobs[b.Sum] = b
		if b.Pack == p.ID {
			won++
		}
	}
	return won, nil
}

// ListBlobs implements artifacts.Index.
func (m *Memory) ListBlobs(_ context.Context, after *Sum, limit int) ([]Blob, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []Blob
	for sum, b := range m.blobs {
		if after == nil || bytes.Compare(sum[:], after[:]) > 0 {
			all = append(all, b)
		}
	}
	slices.SortFunc(all, func(a, b Blob) int { return bytes.Compare(a.Sum[:], b.Sum[:]) })
	return all[:min(limit, len(all))], nil
}

// ListPacks implements artifacts.Index.
func (m *Memory) ListPacks(_ context.Context, after string, limit int) ([]Pack, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	sums := map[string]Pack{}
	for _, b := range m.blobs {
		p := sums[b.Pack]
		p.Blobs, p.Live = p.Blobs+1, p.Live+b.Stored
		sums[b.Pack] = p
	}
	var all []Pack
	for id, p := range m.packs {
		if id > after {
			p.Blobs, p.Live = sums[id].Blobs, sums[id].Live
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b Pack) int { return strings.Compare(a.ID, b.ID) })
	return all[:min(limit, len(all))], nil
}

// GCCutoff implements artifacts.Index.
func (m *Memory) GCCutoff(_ context.Context, before time.Time) (time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	over := before
	if now := time.Now(); now.Before(over) {
		over = now
	}
	for id, p := range m.pins {
		switch {
		case !p.until.After(over):
			delete(m.pins, id)
		case p.begun.Before(before):
			before = p.begun
		}
	}
	return before, nil
}

// ForgetBlobs implements artifacts.Index.
func (m *Memory) ForgetBlobs(_ context.Context, sums []Sum, cutoff time.Time) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for _, sum := range sums {
		if b, ok := m.blobs[sum]; ok && b.Touched.Before(cutoff) {
			delete(m.blobs, sum)
			n++
		}
	}
	return n, nil
}

// CondemnPack implements artifacts.Index.
func (m *Memory) CondemnPack(_ context.Context, id string, cutoff time.Time) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, ok := m.packs[id]
	if !ok || p.Condemned {
		return p.Condemned, nil
	}
	for _, b := range m.blobs {
		if b.Pack == id {
			return false, nil
		}
	}
	if p.Condemned = p.Saved.Before(cutoff); p.Condemned {
		m.packs[id] = p
	}
	return p.Condemned, nil
}

// ForgetPack implements artifacts.Index.
func (m *Memory) ForgetPack(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.packs[id].Condemned {
		delete(m.packs, id)
	}
	return nil
}
