package sandbox

import (
	"slices"
	"testing"

	"github.com/elastic/go-seccomp-bpf/arch"
	"github.com/stretchr/testify/require"
)

// A call that an architecture does not know would make its whole filter fail.
func TestPolicyIsKnownOnEveryArchitecture(t *testing.T) {
	t.Parallel()
	everything := append(policy(Reach{}).Syscalls, policy(Reach{Listen: true, Execute: []string{"/bin/true"}}).Syscalls...)
	for name, info := range map[string]*arch.Info{"amd64": arch.X86_64, "arm64": arch.AARCH64} {
		for _, group := range everything {
			calls := slices.Clone(group.Names)
			for _, c := range group.NamesWithCondtions {
				calls = append(calls, c.Name)
			}
			for _, call := range calls {
				if slices.Contains(legacy(), call) {
					continue
				}
				_, known := info.SyscallNames[call]
				require.True(t, known, "%s does not know %s", name, call)
			}
		}
	}
	for _, reach := range []Reach{{}, {Listen: true}, {Execute: []string{"/bin/true"}}} {
		p := policy(reach)
		_, err := p.Assemble()
		require.NoError(t, err)
	}
}
