package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// mutant is one patch. Its name begins with the number of the rule; its first
// three lines are comments:
//
//	# go test ./scan -run '^TestWalkProblems$'
//	# guard: only "does not exist" makes a tombstone
//	# in: scan.notThere
type mutant struct {
	name  string
	file  string
	rule  int
	test  suite
	guard string // what is taken away, as a rule
	in    string // where the code holds it
}

// suite is a package and the tests in it that count.
type suite struct{ pkg, run string }

func (s suite) String() string { return fmt.Sprintf("go test %s -run '%s'", s.pkg, s.run) }

var (
	testLine = regexp.MustCompile(`^# go test (\./[a-z/]+) -run '(\^[A-Za-z/_^$-]+\$)'$`)
	nameForm = regexp.MustCompile(`^(\d\d)-[a-z0-9-]+\.patch$`)
)

func readMutants(root string, only *regexp.Regexp) ([]mutant, error) {
	files, err := filepath.Glob(filepath.Join(root, "integration", "mutants", "*.patch"))
	if err != nil {
		return nil, err
	}
	var out []mutant
	for _, file := range files {
		if !only.MatchString(filepath.Base(file)) {
			continue
		}
		m, err := readMutant(file)
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}

func readMutant(file string) (mutant, error) {
	base := filepath.Base(file)
	raw, err := os.ReadFile(file)
	if err != nil {
		return mutant{}, err
	}
	lines := strings.SplitN(string(raw), "\n", 4)
	form := nameForm.FindStringSubmatch(base)
	if form == nil || len(lines) < 4 {
		return mutant{}, fmt.Errorf("%s: want a name like 07-no-look.patch, three comment lines and a diff", base)
	}
	test := testLine.FindStringSubmatch(lines[0])
	guard, isGuard := strings.CutPrefix(lines[1], "# guard: ")
	in, isIn := strings.CutPrefix(lines[2], "# in: ")
	if test == nil || !isGuard || !isIn {
		return mutant{}, fmt.Errorf("%s: want the lines `# go test ./pkg -run '^TestX$'`, `# guard: ...` and `# in: ...` first", base)
	}
	rule, err := strconv.Atoi(form[1])
	return mutant{
		name: strings.TrimSuffix(base, ".patch"), file: file, rule: rule,
		test: suite{test[1], test[2]}, guard: guard, in: in,
	}, err
}

// suites returns the tests of all mutants, those of one package together.
func suites(all []mutant) []suite {
	byPkg := make(map[string][]string)
	var pkgs []string
	for _, m := range all {
		if byPkg[m.test.pkg] == nil {
			pkgs = append(pkgs, m.test.pkg)
		}
		// Of a subtest the whole test: patterns with a slash cannot be joined.
		top, _, _ := strings.Cut(strings.TrimSuffix(m.test.run, "$"), "/")
		top = strings.TrimSuffix(top, "$") + "$"
		if !slices.Contains(byPkg[m.test.pkg], top) {
			byPkg[m.test.pkg] = append(byPkg[m.test.pkg], top)
		}
	}
	var out []suite
	for _, pkg := range pkgs {
		out = append(out, suite{pkg, strings.Join(byPkg[pkg], "|")})
	}
	return out
}
