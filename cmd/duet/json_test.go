package main

import (
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"duet/cmd/duet/demo"
	"duet/cmd/duet/explain"
	"duet/cmd/duet/inspect"
	"duet/cmd/duet/node"
	"duet/replicate"
	"duet/replicate/expiry"
	"duet/replicate/restore"
	"duet/replicate/ruling"
)

// The page on JSON names every key that is printed.
func TestJSONPage(t *testing.T) {
	data, err := os.ReadFile("../../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	seen := map[reflect.Type]bool{reflect.TypeFor[time.Time](): true}
	var check func(typ reflect.Type)
	check = func(typ reflect.Type) {
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || seen[typ] {
			return
		}
		seen[typ] = true
		for i := range typ.NumField() {
			f := typ.Field(i)
			if !f.IsExported() {
				continue
			}
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == "" && !f.Anonymous {
				t.Errorf("%v.%s has no name in JSON", typ, f.Name)
			}
			if name != "" && !strings.Contains(page, "`"+name+"`") {
				t.Errorf("docs/json.md does not name %q, of %v", name, typ)
			}
			check(f.Type)
		}
	}
	for _, typ := range []reflect.Type{
		reflect.TypeFor[node.Status](), reflect.TypeFor[explain.Answer](), reflect.TypeFor[node.PlanRow](), reflect.TypeFor[replicate.Application](), reflect.TypeFor[inspect.Listed](),
		reflect.TypeFor[inspect.Record](), reflect.TypeFor[inspect.Event](), reflect.TypeFor[inspect.Tombstone](),
		reflect.TypeFor[inspect.Stats](), reflect.TypeFor[inspect.Checked](), reflect.TypeFor[inspect.Dumped](),
		reflect.TypeFor[inspect.Kept](), reflect.TypeFor[inspect.KeptDetail](), reflect.TypeFor[expiry.Pruned](), reflect.TypeFor[inspect.Event](), reflect.TypeFor[restore.Result](), reflect.TypeFor[inspect.Conflict](), reflect.TypeFor[inspect.Differing](), reflect.TypeFor[inspect.Compared](), reflect.TypeFor[inspect.Found](), reflect.TypeFor[inspect.Verifying](), reflect.TypeFor[inspect.Verification](), reflect.TypeFor[initDone](), reflect.TypeFor[repaired](), reflect.TypeFor[demo.Result](),
		reflect.TypeFor[inspect.ConflictDetail](), reflect.TypeFor[inspect.Ruling](), reflect.TypeFor[ruling.Result](), reflect.TypeFor[node.Sides](),
	} {
		check(typ)
	}
}
