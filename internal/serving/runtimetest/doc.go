// Package runtimetest holds every program runtime to the contract of
// docs/runtimes.md: Conform starts the program as Slipway does, without the
// sandbox, and asks it what a serving engine asks; ConformStart gives it what it
// must refuse to start with.
//
// It speaks plain gRPC and imports nothing of Slipway but the protocol's
// messages, so that it fails when the two sides agree with each other and not
// with the contract.
package runtimetest
