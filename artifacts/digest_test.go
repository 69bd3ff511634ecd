package artifacts

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseDigest(t *testing.T) {
	t.Parallel()
	good := "sha256:" + strings.Repeat("0123456789abcdef", 4)
	d, err := ParseDigest(good)
	require.NoError(t, err)
	require.Equal(t, Digest(good), d)
	require.Equal(t, good[7:], d.Hex())

	for name, s := range map[string]string{
		"empty":         "",
		"no prefix":     good[7:],
		"other hash":    "sha512:" + good[7:],
		"upper prefix":  "SHA256:" + good[7:],
		"upper digits":  "sha256:" + strings.ToUpper(good[7:]),
		"short":         good[:len(good)-1],
		"long":          good + "0",
		"space":         " " + good,
		"newline":       good[:len(good)-1] + "\n",
		"path":          "sha256:" + strings.Repeat("../", 21) + "x",
		"not ASCII":     "sha256:" + strings.Repeat("é", 32),
		"only prefix":   "sha256:",
		"very long":     "sha256:" + strings.Repeat("0", 1<<20),
		"hex of g":      "sha256:" + strings.Repeat("g", 64),
		"double prefix": "sha256:sha256:" + good[14:],
	} {
		_, err := ParseDigest(s)
		require.Error(t, err, name)
		require.Less(t, len(err.Error()), 500, name)
	}
}

func TestDigestOf(t *testing.T) {
	t.Parallel()
	// FIPS 180-4 example "abc" and the empty message.
	require.Equal(t, Digest("sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"), DigestOf([]byte("abc")))
	require.Equal(t, Digest("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"), DigestOf(nil))
}

func TestKeyAndDigestAreInverse(t *testing.T) {
	t.Parallel()
	d := DigestOf([]byte("abc"))
	key := keyOf(d)
	require.Equal(t, "cas/sha256/ba/78/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", key)
	back, ok := digestOfKey(key)
	require.True(t, ok)
	require.Equal(t, d, back)
	for _, foreign := range []string{"", key + ".tmp", key + ".attrs", "cas/sha256/ba/79/" + d.Hex(), "x/" + key, d.Hex(), "cas/sha256/ba/78/"} {
		_, ok := digestOfKey(foreign)
		require.False(t, ok, foreign)
	}
}

func FuzzParseDigest(f *testing.F) {
	f.Add("sha256:" + strings.Repeat("0", 64))
	f.Add("sha256:")
	f.Add("sha256:" + strings.Repeat("A", 64))
	f.Add("\xff")
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDigest(s)
		if err != nil {
			require.Empty(t, d)
			return
		}
		require.Equal(t, s, string(d))
		raw, err := hex.DecodeString(d.Hex())
		require.NoError(t, err)
		require.Len(t, raw, sha256.Size)
		require.Equal(t, s, digestPrefix+hex.EncodeToString(raw), "one spelling only")
		back, ok := digestOfKey(keyOf(d))
		require.True(t, ok)
		require.Equal(t, d, back)
	})
}
