// Mutants proves the last column of docs/safety.md: each patch beside this file
// takes one guard of one safety rule away, and the test that the patch names
// must then fail.
//
//	go run ./integration/mutants            # all, on the working tree
//	go run ./integration/mutants -run '^07' # those of rule 7
//	go run ./integration/mutants -at HEAD   # on what is committed
//	go run ./integration/mutants -table     # write the table anew
//
// It exits with 0 only if every mutant was killed: by its test, in code that
// builds, while the same test passes without the patch.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"sync"
	"time"
)

// options are what the command line says; see the flags.
type options struct {
	pattern, at            string
	workers                int
	passed, table, verbose bool
}

func main() {
	var o options
	flag.StringVar(&o.pattern, "run", "", "only mutants whose name matches this expression")
	flag.StringVar(&o.at, "at", "", "test this commit instead of the working tree")
	flag.IntVar(&o.workers, "j", 4, "mutants at a time: their tests mostly wait")
	flag.BoolVar(&o.passed, "passed", false, "all tests have just passed: do not run them without a mutant first")
	flag.BoolVar(&o.table, "table", false, "only write the table in docs/safety.md")
	flag.BoolVar(&o.verbose, "v", false, "show what the killing tests say")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ok, err := run(ctx, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (bool, error) {
	root, err := moduleRoot(ctx)
	if err != nil {
		return false, err
	}
	only, err := regexp.Compile(o.pattern)
	if err != nil {
		return false, err
	}
	all, err := readMutants(root, only)
	if err != nil {
		return false, err
	}
	if len(all) == 0 {
		return false, errors.New("no mutant has such a name")
	}
	if o.table {
		return true, renewFile(root, all)
	}
	labs := make([]*lab, min(o.workers, len(all)))
	for i := range labs {
		if labs[i], err = newLab(ctx, root, o.at); err != nil {
			return false, err
		}
		defer os.RemoveAll(labs[i].dir)
	}
	began := time.Now()
	if !o.passed {
		if err := healthy(ctx, labs, all); err != nil {
			return false, err
		}
		fmt.Printf("without a mutant all %d tests pass (%.0fs)\n", len(all), time.Since(began).Seconds())
	}
	counts := try(ctx, labs, all, o.verbose)
	fmt.Printf("%d mutants: %d killed, %d survived, %d do not apply, %d broken (%.0fs)\n", len(all),
		counts[killed], counts[survived], counts[misfit], counts[broken], time.Since(began).Seconds())
	return counts[killed] == len(all), ctx.Err()
}

// healthy runs the tests without a mutant: a test that fails anyway proves nothing.
func healthy(ctx context.Context, labs []*lab, all []mutant) error {
	next := feed(ctx, suites(all))
	errs := make([]error, len(labs))
	var wg sync.WaitGroup
	for i, l := range labs {
		wg.Go(func() {
			for s := range next {
				if out, err := l.test(ctx, s); err != nil {
					errs[i] = fmt.Errorf("%s fails without any mutant: %w\n%s", s, err, out)
					return
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// longestFirst begins with the tests that take long, so that no worker is left
// with one of them at the end.
func longestFirst(all []mutant) []mutant {
	long := []string{"./integration/hostile", "./integration", "./integration/sim", "./replicate", "./replicate/link"}
	out := slices.Clone(all)
	slices.SortStableFunc(out, func(a, b mutant) int {
		rank := func(m mutant) int { return (slices.Index(long, m.test.pkg) + len(long) + 1) % (len(long) + 1) }
		return rank(a) - rank(b)
	})
	return out
}

// feed returns a channel of all things, which ends early with ctx.
func feed[T any](ctx context.Context, things []T) <-chan T {
	next := make(chan T)
	go func() {
		defer close(next)
		for _, x := range things {
			select {
			case next <- x:
			case <-ctx.Done():
				return
			}
		}
	}()
	return next
}

// try tries all mutants, one at a time in each lab.
func try(ctx context.Context, labs []*lab, all []mutant, verbose bool) map[verdict]int {
	next := feed(ctx, longestFirst(all))
	var mu sync.Mutex // guards counts, and keeps what is printed together
	counts := make(map[verdict]int)
	var wg sync.WaitGroup
	for _, l := range labs {
		wg.Go(func() {
			for m := range next {
				began := time.Now()
				v, out := l.try(ctx, m)
				mu.Lock()
				counts[v]++
				fmt.Printf("%-14s %-44s %4.1fs  %s\n", v, m.name, time.Since(began).Seconds(), m.test)
				if v != killed || verbose {
					fmt.Print(out)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return counts
}
