// Package modelsource fetches the model of a release from an MLflow server: from
// its registry (mlflow://NAME@ALIAS, mlflow://NAME/VERSION) or from a run
// (runs:/RUN/PATH). The address is resolved once, when a release is started; what
// is released are the bytes that were found then, under their digest.
//
// It speaks MLflow's REST API and reads artifacts through the server's proxy. It
// must never import the catalog or Temporal.
package modelsource
