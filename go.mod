module duet

go 1.26
