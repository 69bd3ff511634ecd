package main

import (
	"context"
	"crypto/subtle"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// health serves what watches the worker roles: /health answers 200 while the
// catalog does, /metrics is for Prometheus and asks for the token if there is one.
func (p *platform) health(ctx context.Context, l net.Listener, up func()) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 3*time.Second)
		defer cancel()
		if err := p.catalog.Ping(ctx); err != nil {
			http.Error(w, "the catalog does not answer", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("healthy\n"))
	})
	metrics := promhttp.Handler()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		if p.token != "" && subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+p.token)) != 1 {
			http.Error(w, "send the bearer token", http.StatusUnauthorized)
			return
		}
		metrics.ServeHTTP(w, r)
	})
	up()
	return serveUntil(ctx, &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}, l)
}
