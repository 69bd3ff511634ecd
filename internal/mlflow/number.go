package mlflow

import "github.com/slipway-ml/slipway/internal/mlflow/wire"

// Numbers as the protocol writes them.
type (
	integer = wire.Integer
	float   = wire.Float
	boolean = wire.Bool
)
