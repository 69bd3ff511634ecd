package modelserver

import "github.com/slipway-ml/slipway/internal/serving"

var _ serving.Described = (*session)(nil)

// Platform implements serving.Described, as the process says.
func (s *session) Platform() string { return s.meta.Platform }
