// Package stack says where a running Slipway is: the addresses that slipwayd
// prints when it is ready, and how clients find them again.
//
// It imports nothing of Slipway.
package stack
