package modeltest

import "strings"

// advice says what to do about a failed test, where its reason does not say it already.
func advice(t Test) string {
	kind, _, _ := strings.Cut(t.Name, ":")
	if strings.Contains(t.Error, "broke its process") {
		return "Load the model in ONNX Runtime on your machine. If it needs more memory or time than the spec grants, raise tests.process; if it crashes, do not release it."
	}
	return map[string]string{
		"parameter_count":             "Check that the file is complete, was exported after training, and that model.external_data lists the files in which it keeps weights.",
		"operators":                   "Export with the standard operators, or allow the domain with model.operator_domains if every runtime that will serve the model has it.",
		"forward_pass":                "Run the model on the first test rows with ONNX Runtime: names, types and order of the inputs must be those of the columns.",
		"gradient_computation":        "Look at the layer that is named: a dead layer learned nothing, an exploding one diverged. Train again with a lower learning rate or another initialisation.",
		"batch_inference":             "Find the row that is named in the test data and run it alone.",
		"output_consistency":          "Switch to inference mode before the export: dropout or noise is still on, or a kernel is not deterministic.",
		"batch_invariance":            "A row's answer depends on its neighbours: look for normalisation over the batch, and export in inference mode.",
		"inference_latency":           "Make the model smaller or quantise it, or raise tests.latency_ms if callers can wait.",
		"memory_usage":                "Use smaller batches, or raise tests.memory_mb if the hosts have it.",
		"accuracy":                    "Compare the training data and settings with those of the last good version; look at the slices and the confusion matrix below for where it fails.",
		"rmse":                        "Compare the training data and settings with those of the last good version; look at the slices below for where it fails.",
		"accuracy_against_production": "Keep what is in production. Look at the slices for what the candidate lost.",
		"error_against_production":    "Keep what is in production. Look at the slices for what the candidate lost.",
		"negative_flips":              "Look at the rows that were right and are wrong now; raise tests.against_production if the trade is meant.",
		"simple_baseline":             "A far simpler model does as well: check labels and features, or release the simple model.",
		"train_test_overlap":          "Split the data again, so that no test row is a training row: the measured quality is too good.",
		"leakage":                     "Find out whether the column is known at the time of prediction. If not, take it out and train again.",
		"slice":                       "Add training rows of the slice, or say in the model card that the model is not for it.",
		"weak_slices":                 "Add training rows of the slice, or say in the model card that the model is not for it.",
		"limit":                       "Train again, or change the limit in tests.limits if it is not what you need.",
		"calibration":                 "Calibrate the probabilities (Platt scaling or isotonic regression on held-out rows) and export again.",
		"monotone":                    "Train with a monotonicity constraint on the column, or take the relation out of the spec if the world is not so.",
		"indifferent":                 "Take the column out of the inputs, or the relation out of the spec.",
		"stable":                      "Regularise more, or add noise in training: small errors of measurement change the answer.",
	}[kind]
}
