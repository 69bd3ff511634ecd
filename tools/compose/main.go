// Command compose-config loads Compose files as `docker compose config --quiet` does, with the same library, and
// says what is wrong with them. It stands in for that command where the Docker client lacks its compose plugin.
//
//	compose-config [-project-directory DIR] FILE...
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "compose-config:", err)
		os.Exit(1)
	}
}

// run loads the files as one project, all profiles on, and prints its services.
// The environment is not used: the files must stand on their own defaults.
func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("compose-config", flag.ContinueOnError)
	dir := flags.String("project-directory", ".", "folder that relative paths in the files start from")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() == 0 {
		return fmt.Errorf("name the Compose files to check")
	}
	options, err := cli.NewProjectOptions(flags.Args(),
		cli.WithWorkingDirectory(*dir),
		cli.WithProfiles([]string{"*"}),
	)
	if err != nil {
		return fmt.Errorf("read options: %w", err)
	}
	project, err := options.LoadProject(ctx)
	if err != nil {
		return fmt.Errorf("load %s: %w", strings.Join(flags.Args(), ", "), err)
	}
	names := project.ServiceNames()
	sort.Strings(names)
	_, err = fmt.Fprintf(stdout, "%s: %d services: %s\n", strings.Join(flags.Args(), ", "), len(names), strings.Join(names, " "))
	return err
}
