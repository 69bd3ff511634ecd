package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"

	"github.com/slipway-ml/slipway/internal/governance"
)

// signature signs a message with the key of --key; empty without a key.
func (a *app) signature(message []byte) (string, error) {
	file := a.setting(a.options.KeyFile, "SLIPWAY_KEY_FILE")
	if file == "" {
		return "", nil
	}
	key, err := readKey(file)
	if err != nil {
		return "", err
	}
	return governance.Sign(key, message), nil
}

// readKey reads an Ed25519 private key as PKCS#8 in PEM.
func readKey(file string) (ed25519.PrivateKey, error) {
	const want = "want an Ed25519 private key in PEM, as `openssl genpkey -algorithm ed25519` writes it"
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	block, _ := pem.Decode(b)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, fmt.Errorf("key file %s: no PRIVATE KEY in it; %s", file, want)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w; %s", file, err, want)
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("key file %s: the key is a %T; %s", file, parsed, want)
	}
	return key, nil
}

// newID names a message, so that it counts once.
func newID() string { return rand.Text() }
