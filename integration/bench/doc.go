// Bench measures Duet side by side with the tools that people use for the same
// work: pipes, rsync, lsyncd, unison and syncthing, each between two network
// namespaces joined by a veth pair, each with files on a real disk.
//
//	go run ./integration/bench                        # everything
//	go run ./integration/bench -tools duet,rsync -works first,save -repeat 5
//	go run ./integration/bench -tools duet -works first -files 100000
//	go run ./integration/bench -report                # tables and plots again, from what was measured
//
// It needs root, ip, ssh and sshd. Raw results are kept in results.json, one per
// run, and those of the same tool, work and delay are replaced by newer ones.
// docs/benchmarks.md and its plots are written from that file alone.
package main
