// Package index holds the nouns of Duet: paths, hashes, versions, entries, the
// records that the index is made of, and their one encoding. It is pure: no
// clock, no file, no log.
//
// The encoding is protobuf, see indexpb/index.proto. Encoders are
// deterministic and decoders accept nothing that an encoder would not write,
// so that equal values are equal bytes.
package index

//go:generate protoc --proto_path=../.. --go_out=../.. --go_opt=paths=source_relative store/index/indexpb/index.proto
