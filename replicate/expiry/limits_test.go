package expiry

import (
	"testing"
	"time"
)

func TestParseAge(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"30d": 30 * 24 * time.Hour, "12h": 12 * time.Hour, "90m": 90 * time.Minute, "45s": 45 * time.Second,
		"1d12h": 36 * time.Hour, "off": 0, "0s": 0,
	} {
		if got, err := ParseAge(text); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "d", "30", "-1d", "1.5h", "1y", "1d ", "99999999999999d", "200000d", "on"} {
		if got, err := ParseAge(text); err == nil && text != "200000d" {
			t.Errorf("%q: %v, want an error", text, got)
		} else if err == nil {
			t.Errorf("%q overflows, and gives %v", text, got)
		}
	}
	for d, want := range map[time.Duration]string{30 * 24 * time.Hour: "30d", 36 * time.Hour: "36h", 90 * time.Minute: "90m", 45 * time.Second: "45s"} {
		if got := AgeText(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}

func TestParseAmount(t *testing.T) {
	for text, want := range map[string]Amount{
		"10%": {Percent: 10}, "0.5%": {Percent: 0.5}, "4096": {Bytes: 4096}, "500MB": {Bytes: 500e6}, "1.5GiB": {Bytes: 3 << 29},
		"2k": {Bytes: 2000}, "off": {}, "0": {},
	} {
		if got, err := ParseAmount(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "%", "101%", "-1", "1 GB", "GB", "1XB", "1e30", "NaN", "inf", "1e400", "+5", "9999999999TB", "10%%"} {
		if got, err := ParseAmount(text); err == nil {
			t.Errorf("%q: %+v, want an error", text, got)
		}
	}
	if got := (Amount{Percent: 10}).Of(1000); got != 100 {
		t.Errorf("10%% of 1000: %d", got)
	}
}

func TestParseVersions(t *testing.T) {
	for text, want := range map[string]int{"10": 10, "1": 1, "off": 0} {
		if got, err := ParseVersions(text); err != nil || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "0", "-1", "x", "1.5"} {
		if _, err := ParseVersions(text); err == nil {
			t.Errorf("%q: want an error", text)
		}
	}
}
