package sim

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// String names what is not zero, as -set and files have it.
func (s Swarm) String() string {
	var parts []string
	s.each(func(name string, v reflect.Value) {
		if !v.IsZero() {
			parts = append(parts, fmt.Sprintf("%s=%v", name, v))
		}
	})
	return strings.Join(parts, ",")
}

func (s *Swarm) each(do func(name string, v reflect.Value)) {
	v := reflect.ValueOf(s).Elem()
	for i := range v.NumField() {
		do(v.Type().Field(i).Name, v.Field(i))
	}
}

func (s Swarm) get(name string) string {
	return fmt.Sprint(reflect.ValueOf(s).FieldByName(name))
}

// Set changes one field.
func (s *Swarm) Set(name, value string) error {
	f := reflect.ValueOf(s).Elem().FieldByName(name)
	if !f.IsValid() {
		return fmt.Errorf("a swarm has no %q", name)
	}
	var err error
	switch p := f.Addr().Interface().(type) {
	case *string:
		*p = value
	case *bool:
		*p, err = strconv.ParseBool(value)
	case *int:
		*p, err = strconv.Atoi(value)
	case *float64:
		*p, err = strconv.ParseFloat(value, 64)
	case *time.Duration:
		*p, err = time.ParseDuration(value)
	default:
		err = fmt.Errorf("cannot be set")
	}
	if err != nil {
		return fmt.Errorf("%s of a swarm: %w", name, err)
	}
	return nil
}

// Parse changes the fields that String names.
func (s *Swarm) Parse(text string) error {
	for _, part := range strings.Split(text, ",") {
		name, value, _ := strings.Cut(part, "=")
		if err := s.Set(name, value); err != nil {
			return err
		}
	}
	return nil
}

// MarshalJSON writes what is not zero.
func (s Swarm) MarshalJSON() ([]byte, error) {
	out := map[string]string{}
	s.each(func(name string, v reflect.Value) {
		if !v.IsZero() {
			out[name] = fmt.Sprint(v)
		}
	})
	return json.Marshal(out)
}

// UnmarshalJSON reads it.
func (s *Swarm) UnmarshalJSON(b []byte) error {
	var in map[string]string
	if err := json.Unmarshal(b, &in); err != nil {
		return err
	}
	*s = Swarm{}
	for name, value := range in {
		if err := s.Set(name, value); err != nil {
			return err
		}
	}
	return nil
}

// Without is the swarm without one kind of fault.
func (s Swarm) Without(name string) Swarm {
	if f := reflect.ValueOf(&s).Elem().FieldByName(name); f.IsValid() {
		f.SetZero()
	}
	return s
}
