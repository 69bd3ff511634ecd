// Package blobindextest holds what every artifacts.Index promises. It is for
// tests only and must never be imported by anything else.
package blobindextest
