// Package testsuite holds the tests that need more than one package: end to end
// on a real Temporal server with real processes, crash tests that kill -9, and
// the replay of every recorded history.
//
// `make test` starts and names what they need by environment: SLIPWAY_BIN
// (folder of slipway and slipwayd), TEMPORAL_CLI, ONNXRUNTIME_LIB,
// SLIPWAY_TEST_POSTGRES and SLIPWAY_TEST_S3_SERVER. A test whose need is not
// named fails and says so; none is skipped.
package testsuite
