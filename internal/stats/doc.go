// Package stats holds the statistics that gates, canary analysis and monitors
// decide with: two-sample tests, drift distances with calibrated p-values,
// exact tests and bounds on proportions, order statistics, multiple-testing
// correction and the metrics of a model's quality.
//
// Everything here is a pure function of its arguments: no I/O, no clock, no
// state; what draws numbers takes its seed as an argument. The package imports only the standard library and
// gonum; it must never import another package of this module.
//
// Invariants, held by the tests and the fuzz targets:
//
//   - inputs are never modified;
//   - a p-value is in [0, 1] and never NaN;
//   - invalid input is an error, never a panic and never a NaN result;
//   - every result can be marshalled as JSON (no NaN, no infinity).
//
// The source of each formula is named at the function. Values are checked
// against SciPy, scikit-learn and statsmodels; see testdata/*.py.
package stats
