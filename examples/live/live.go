package live

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

// ReadRows reads a CSV table as JSON objects, the label left out. A cell that is a number is sent as one.
func ReadRows(path, label string) ([]map[string]any, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var rows []map[string]any
	for _, line := range lines[1:] {
		row := map[string]any{}
		for i, name := range lines[0] {
			if name == label {
				continue
			}
			row[name] = line[i]
			if v, err := strconv.ParseFloat(line[i], 64); err == nil {
				row[name] = v
			}
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// Count is what the client saw in some period.
type Count struct {
	OK     int
	Failed int
	// Early counts refusals before the first answer ever: nothing was in production yet.
	Early int
	// ByVersion counts the good answers.
	ByVersion map[string]int
}

// Minus is what came after o.
func (c Count) Minus(o Count) Count {
	d := Count{OK: c.OK - o.OK, Failed: c.Failed - o.Failed, Early: c.Early - o.Early, ByVersion: map[string]int{}}
	for v, n := range c.ByVersion {
		d.ByVersion[v] = n - o.ByVersion[v]
	}
	return d
}

// Client sends rows in turn.
type Client struct {
	url  string
	rows []map[string]any
	http http.Client

	mu        sync.Mutex
	count     Count
	lastError string
}

// New makes a client of the gateway at the URL.
func New(gateway string, rows []map[string]any) *Client {
	return &Client{
		url: gateway + "/predict", rows: rows,
		http:  http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
		count: Count{ByVersion: map[string]int{}},
	}
}

// Stream sends rate rows a second until ctx ends, then waits for the last answers.
func (c *Client) Stream(ctx context.Context, rate int) {
	ticker := time.NewTicker(time.Second / time.Duration(rate))
	defer ticker.Stop()
	var open sync.WaitGroup
	defer open.Wait()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			row := c.rows[i%len(c.rows)]
			open.Go(func() { c.send(row) })
		}
	}
}

func (c *Client) send(row map[string]any) {
	status, version, text, err := c.post(row)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err == nil && status == http.StatusOK:
		c.count.OK++
		c.count.ByVersion[version]++
	case err == nil && c.count.OK == 0 && (status == http.StatusServiceUnavailable || status == http.StatusNotFound):
		c.count.Early++
	default:
		c.count.Failed++
		c.lastError = fmt.Sprintf("status %d, %s, %v", status, text, err)
	}
}

func (c *Client) post(row map[string]any) (status int, version, text string, err error) {
	body, err := json.Marshal(map[string]any{"input": row})
	if err != nil {
		return 0, "", "", err
	}
	answer, err := c.http.Post(c.url, "application/json", bytes.NewReader(body))
	if err != nil {
		return 0, "", "", err
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(io.LimitReader(answer.Body, 1<<16))
	var said struct {
		Version string `json:"version"`
	}
	if err == nil && answer.StatusCode == http.StatusOK {
		err = json.Unmarshal(b, &said)
	}
	return answer.StatusCode, said.Version, string(b), err
}

// Total is what the client has seen so far.
func (c *Client) Total() Count {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count.Minus(Count{})
}

// LastError describes the newest error; empty when there was none.
func (c *Client) LastError() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lastError
}
