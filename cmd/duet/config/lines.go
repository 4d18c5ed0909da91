package config

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// lines knows where each key of a config was written. viper forgets lines, so
// the same bytes are read a second time as a tree of nodes, and held against
// the Config type: that also finds unknown keys, and values of the wrong shape.
type lines struct {
	file string
	at   map[string]string // key, such as "shares.0.path", to its place
}

// where says where key was written; the nearest key around it, if it was not.
func (l *lines) where(key string) string {
	for {
		if at, ok := l.at[key]; ok {
			return at
		}
		i := strings.LastIndexByte(key, '.')
		if i < 0 {
			return l.file
		}
		key = key[:i]
	}
}

func (l *lines) has(key string) bool { _, ok := l.at[key]; return ok }

// What yaml says of a syntax error, to bring it into the form file:line.
var yamlError = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// A number that is the same text once YAML has read it.
var decimal = regexp.MustCompile(`^(0|[1-9][0-9]{0,17})$`)

func (l *lines) read(data []byte) Problems {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		where, what := l.file, err.Error()
		if m := yamlError.FindStringSubmatch(what); m != nil {
			what = m[2]
			if m[1] != "" {
				where += ":" + m[1]
			}
		}
		return Problems{{Where: where, What: "this is not YAML: " + what,
			Do: "look at this line and the one above; indent with spaces, and quote values that contain ': ' or '#'"}}
	}
	if len(doc.Content) == 0 {
		return Problems{{Where: l.file, What: "the file is empty", Do: "write one with: duet init"}}
	}
	var probs Problems
	l.walk("", doc.Content[0], reflect.TypeFor[Config](), &probs)
	return probs
}

func (l *lines) place(n *yaml.Node) string { return fmt.Sprintf("%s:%d", l.file, n.Line) }

// walk notes where the keys below n are and reports what does not fit typ.
func (l *lines) walk(key string, n *yaml.Node, typ reflect.Type, probs *Problems) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	wrong := func(want string) {
		*probs = append(*probs, Problem{Where: l.place(n), What: fmt.Sprintf("%s is %s", orTop(key), shape(n)), Do: "write " + want})
	}
	if n.Tag == "!!null" {
		return // a key without a value is as good as none
	}
	switch {
	case typ == reflect.TypeFor[time.Duration]():
		if d, err := time.ParseDuration(n.Value); n.Kind != yaml.ScalarNode || err != nil || d < 0 {
			wrong("a duration such as 5ms, 10s or 1h")
		}
	case typ.Kind() == reflect.Struct:
		if n.Kind != yaml.MappingNode {
			wrong("keys and values: " + strings.Join(known(typ), ", "))
			return
		}
		l.walkMap(key, n, typ, probs)
	case typ.Kind() == reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			wrong("a list: one item a line, each starting with '- '")
			return
		}
		for i, item := range n.Content {
			sub := fmt.Sprintf("%s.%d", key, i)
			l.at[sub] = l.place(item)
			l.walk(sub, item, typ.Elem(), probs)
		}
	case n.Kind != yaml.ScalarNode:
		wrong("a single value")
	case typ.Kind() == reflect.Bool && n.Tag != "!!bool":
		wrong("true or false")
	case typ.Kind() == reflect.Int && n.Tag != "!!int":
		wrong("a whole number")
	case typ.Kind() == reflect.String && n.Tag != "!!str" && !decimal.MatchString(n.Value):
		wrong("it in quotes: YAML takes it for something else")
	}
}

func (l *lines) walkMap(key string, n *yaml.Node, typ reflect.Type, probs *Problems) {
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		field, ok := fieldOf(typ, name.Value)
		if !ok {
			*probs = append(*probs, Problem{Where: l.place(name),
				What: fmt.Sprintf("unknown key %q%s", name.Value, in(key)), Do: advise(name.Value, known(typ))})
			continue
		}
		if line, twice := seen[name.Value]; twice {
			*probs = append(*probs, Problem{Where: l.place(name),
				What: fmt.Sprintf("key %q is there twice, first in line %d", name.Value, line), Do: "remove one of the two"})
			continue
		}
		seen[name.Value] = name.Line
		sub := name.Value
		if key != "" {
			sub = key + "." + sub
		}
		if value.Tag != "!!null" {
			l.at[sub] = l.place(name)
		}
		l.walk(sub, value, field.Type, probs)
	}
}

func fieldOf(typ reflect.Type, name string) (reflect.StructField, bool) {
	for i := range typ.NumField() {
		if f := typ.Field(i); name != "-" && f.Tag.Get("mapstructure") == name {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

func known(typ reflect.Type) []string {
	var names []string
	for i := range typ.NumField() {
		if name := typ.Field(i).Tag.Get("mapstructure"); name != "" && name != "-" {
			names = append(names, name)
		}
	}
	return names
}

func orTop(key string) string {
	if key == "" {
		return "the config"
	}
	return key
}

func in(key string) string {
	if key == "" {
		return ""
	}
	return " in " + key
}

func shape(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "keys and values"
	case yaml.SequenceNode:
		return "a list"
	}
	return fmt.Sprintf("%q", n.Value)
}

// advise names the known key that was probably meant.
func advise(got string, names []string) string {
	best, bestDist := "", 4
	for _, name := range names {
		if d := distance(strings.ToLower(got), name); d < bestDist && d < len(name) {
			best, bestDist = name, d
		}
	}
	if best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	return "the keys known here are " + strings.Join(names, ", ")
}

// distance is Levenshtein's: how many letters differ.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		prev := slices.Clone(row)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(prev[j]+cost, prev[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
