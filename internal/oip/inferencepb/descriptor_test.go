package inferencepb_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/slipway-ml/slipway/internal/oip/inferencepb"
)

var update = flag.Bool("update", false, "write the descriptors for Python runtimes anew")

// The Python runtimes make their messages of these descriptors when they start:
// they are those of the Go code.
func TestDescriptorsForPython(t *testing.T) {
	t.Parallel()
	set := &descriptorpb.FileDescriptorSet{}
	for _, file := range []protoreflect.FileDescriptor{inferencepb.File_inference_proto, grpc_health_v1.File_grpc_health_v1_health_proto} {
		set.File = append(set.File, protodesc.ToFileDescriptorProto(file))
	}
	path := filepath.Join("..", "..", "..", "runtimes", "python", "slipway_runtime", "messages.binpb")
	if *update {
		b, err := proto.MarshalOptions{Deterministic: true}.Marshal(set)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, b, 0o644))
	}
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	written := &descriptorpb.FileDescriptorSet{}
	require.NoError(t, proto.Unmarshal(b, written))
	require.True(t, proto.Equal(set, written), "%s is old: go test ./internal/oip/inferencepb -update", path)
}
