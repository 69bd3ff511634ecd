// Package junit writes reports as JUnit XML, in the elements that tools agree on.
//
// It knows the format, never what a report means; it imports nothing of Slipway.
package junit
