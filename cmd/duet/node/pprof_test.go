package node

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Profiles are served where go tool pprof looks for them.
func TestProfiles(t *testing.T) {
	mux := http.NewServeMux()
	profiles(mux)
	for path, want := range map[string]string{
		"/debug/pprof/":                  "heap",
		"/debug/pprof/cmdline":           "node.test",
		"/debug/pprof/goroutine?debug=1": "goroutine profile",
	} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d, no %q in %.200s", path, w.Code, want, w.Body)
		}
	}
}
