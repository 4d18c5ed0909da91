package config

import "strings"

// Problem is one thing that is wrong with a config.
type Problem struct {
	Where string // file:line, or the environment variable
	What  string
	Do    string

	key string
}

func (p Problem) String() string {
	if p.Do == "" {
		return p.Where + ": " + p.What
	}
	return p.Where + ": " + p.What + ": " + p.Do
}

// Problems is the error of Load: all that is wrong, so that a person corrects
// the file once.
type Problems []Problem

func (ps Problems) Error() string {
	text := make([]string, len(ps))
	for i, p := range ps {
		text[i] = p.String()
	}
	return strings.Join(text, "\n")
}
