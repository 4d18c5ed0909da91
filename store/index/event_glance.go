package index

// Glance is what of an event can be told without reading its path, its entry and
// what they lean on: a tenth of the time that it takes to read all of it.
type Glance struct {
	What     What
	How      How
	Time     int64
	Node     NodeID // 0 with Origin
	Origin   bool   // Node is the origin of the entry
	Moved    bool   // To is not Root
	InRecord bool   // its entry is that of the path's record
}

// GlanceEvent looks at what MarshalEvent wrote; false, if that cannot be told.
func GlanceEvent(b []byte) (g Glance, ok bool) {
	f := fields{rest: b}
	for f.next() {
		switch f.num {
		case 3:
			g.What = What(f.v)
		case 4:
			g.How = How(f.v)
		case 5:
			g.Node = NodeID(f.v)
		case 6:
			g.Time = int64(f.v)
		case 10:
			g.InRecord, g.Origin = f.v&entryInRecord != 0, f.v&nodeIsOrigin != 0
		case 12:
			g.Moved = true
		}
	}
	return g, !f.bad
}
