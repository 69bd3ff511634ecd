// Package nvml reads what NVIDIA's management library tells of the GPUs of this
// machine: load, memory, power and energy.
//
// The library belongs to the driver. It is looked for when the program runs, so
// that one binary works with and without: no part of the build needs it, and
// where it is missing Open says so. Only what is declared in library.go is called, each
// a function that has been in the library since 2017.
//
// The package must never import another package of Slipway.
package nvml
