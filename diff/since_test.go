package diff

import "testing"

func TestSince(t *testing.T) {
	never := toy{"never", nil}
	for _, c := range []struct {
		base, now toy
		want      Class
	}{
		{never, never, Unchanged},
		{never, page, Created},
		{never, gone, Unchanged},
		{gone, page, Created},
		{gone, apart, Unchanged},
		{page, page, Unchanged},
		{page, nobodys, Unchanged},
		{page, essay, Changed},
		{page, folder, Changed},
		{link, relink, Changed},
		{page, closed, Touched},
		{folder, shut, Touched},
		{page, gone, Deleted},
		{page, never, Unchanged},
	} {
		if got := Since(c.base.entry, c.now.entry); got != c.want {
			t.Errorf("from %s to %s: %v, want %v", c.base.name, c.now.name, got, c.want)
		}
	}
}
