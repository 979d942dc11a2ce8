"""What commands cost, as whole processes, against the limits they promise to keep.

`make bench` runs every function of `bench.benches` that carries the decorator, prints a table, and
writes the same into docs/reference/performance.md. A limit that is broken makes the status 1.
"""
