package artifacts_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"

	"github.com/slipway-ml/slipway/artifacts"
)

func Example() {
	ctx := context.Background()
	store, err := artifacts.Open(ctx, "mem://") // or a folder, or s3://bucket
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = store.Close() }()

	ref, err := store.Put(ctx, strings.NewReader("age,income\n42,1000\n"), "text/csv")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(ref.Digest, ref.Size)

	b, err := store.Read(ctx, ref.Digest, 1<<20)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%q\n", b)

	_, err = store.Stat(ctx, artifacts.DigestOf([]byte("never stored")))
	fmt.Println(errors.Is(err, artifacts.ErrNotFound))
	// Output:
	// sha256:360258a27217cf8b9c7164538e3b2ccfd0c6567bcd829617c0665bc8eadd1113 19
	// "age,income\n42,1000\n"
	// true
}
