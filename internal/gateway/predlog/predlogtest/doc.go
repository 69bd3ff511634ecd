// Package predlogtest helps to measure the prediction log. Only tests and benchmarks import it.
package predlogtest
