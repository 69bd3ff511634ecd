package serving

// PlatformONNX is what the inference protocol calls models in ONNX.
const PlatformONNX = "onnxruntime_onnx"

// Described is a Session or Model that says what the inference protocol calls its
// kind. Others are PlatformONNX.
type Described interface {
	Platform() string
}

// Platform implements Described for a session that does.
func (m *model) Platform() string { return platformOf(m.Session) }

// Platform is what the inference protocol calls the model's kind.
func (i *Instance) Platform() string { return platformOf(i.model) }

func platformOf(v any) string {
	if d, ok := v.(Described); ok {
		return d.Platform()
	}
	return PlatformONNX
}
