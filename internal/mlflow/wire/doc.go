// Package wire has the numbers of MLflow's REST API: JSON as protocol buffers
// write it, where an integer may be a string and a float NaN. Server, client and
// mirror share it. It must import nothing of Slipway.
package wire
