package main

func (s *session) scale() error { return nil }
