// Package sim is a deterministic simulation of two complete nodes in one
// process. Index, diff, store, scan, replicate, wire and recovery are the real
// ones; only the doors are replaced: files in memory, a network in memory, a
// watcher that is late or forgets, and commits of the index that may be the
// last thing that a node does. Time is virtual. Users work on both trees while
// things break; then the faults stop, and within bounded time both trees must
// be the same, nothing more be said, and nothing that anybody wrote be lost.
//
// A run is drawn from a seed: first what it is like, which faults there are and
// how often (Swarm), then what users and the weather do (Act), and with every
// operation through a door how long it takes and whether it fails. One seed is
// one story, on any host and any number of processors (TestSame, and instant.go
// for how).
//
// # A long run
//
//	go test ./integration/sim -run 'TestSeeds$' -seeds 200000 -timeout 0
//
// tells every half a minute how far it has come, and failures as they come. With
// -first it begins elsewhere; -set and -without change what is drawn, as in
// -set Deletes=never -without Disk. -fuzz FuzzSim searches, too.
//
// What a run leaves behind is nothing on the heap: 3 MiB and 3,070 objects are live
// after 200 runs and after 2,400. A process grows all the same, from some 60 MiB to
// about twice that over 10,000 runs. Half of it is room for the largest run so far
// (GOGC=400), half the runtime's: each sync.WaitGroup that is waited for in a bubble
// leaves a record of some 40 bytes (synctest_disassociate in runtime/synctest.go of
// Go 1.26 does not give it back), which is 4.5 KiB a run. So take several processes
// for very many seeds.
//
// # Following a failure
//
// A failure says what is wrong, the commit, what the run is like, and the
// shortest schedule found that still goes wrong: kinds of fault are left out,
// then acts. The story that follows has a line for whatever users and the weather
// did, what was made to fail (with ***), and what the daemons said, with the
// virtual time in seconds before it; then the journals, the last thing that each
// node believed. The command at its end runs exactly that again. From there:
//
//   - Add -doors for every operation of the daemons on files, index and network.
//   - Find the path in question in the story and go back from the line that
//     says WRONG: who made the state that is wrong, what did that node know
//     then, and which line of the journal says so?
//   - Leave out more, by hand, with -skip; or have TestSeed shrink some more by
//     another -set.
//   - When it is understood, write the test that fails nearest to the mistake,
//     then mend that, then keep the schedule: -save NAME -story "one line"
//     writes testdata/NAME.json, which TestRegressions runs from then on,
//     whatever is drawn for its seed by then.
//
// If TestSame fails, -turns shows when goroutines of the nodes wake up: the
// cause is something that two of them did in one instant, in an order that
// nothing decides.
package sim
