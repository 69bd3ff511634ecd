// Package process runs the servers that a benchmark measures, as users run them:
// each a process of its own, in a group that ends whole, with what it says kept
// for the one that reads why it failed.
//
// It knows nothing of what is measured, and holds the load of no benchmark.
package process
