// Package live plays live traffic: it sends the rows of an example's table to a
// gateway at a steady rate and counts what a user would have seen.
//
// The demo and the end-to-end tests share it. It never retries, so an error
// that it counts is one that a user would have got.
package live
