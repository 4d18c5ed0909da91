// Bench measures Duet side by side with the tools that people use for the same
// work: pipes, rsync, lsyncd, unison and syncthing, each between two network
// namespaces joined by a veth pair, each with files on a real disk.
//
//	go run ./integration/bench                        # everything
//	go run ./integration/bench -tools duet,rsync -works first,save -runs 5
//	go run ./integration/bench -works scale -files 100000
//	go run ./integration/bench -report                # tables and plots again, from what was measured
//
// Each work can be measured without the others: the trees that it begins with
// are made for it if the work before did not leave them. Ended by a signal, or
// killed, a bench leaves nothing behind that the next one does not remove.
//
// It needs root, ip, ssh and sshd. Raw results are kept in results.json, one per
// run, and those of the same tool, work and delay are replaced by newer ones.
// docs/benchmarks.md and its plots are written from that file alone.
package main
