package main

import (
	"io"
	"os"

	"golang.org/x/term"
)

// app is what commands share: where they read and write, and the common flags.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	options        Options
}

// json tells whether a program reads the output.
func (a *app) json() bool { return a.options.Output == "json" }

// terminal tells whether w is one that can be drawn on.
func (a *app) terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && a.getenv("TERM") != "dumb"
}

// colored tells whether stdout takes colors; see no-color.org.
func (a *app) colored() bool { return a.terminal(a.stdout) && a.getenv("NO_COLOR") == "" }
