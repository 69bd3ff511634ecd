// Package mlflowclient sends requests of MLflow's REST API to a tracking server.
// Credentials go into headers only: no error, and no address that an error names,
// has them. It must never import the catalog or Temporal.
package mlflowclient
