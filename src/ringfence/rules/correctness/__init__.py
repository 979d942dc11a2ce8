"""Correctness: each rule sees the catalog of ddl/."""
