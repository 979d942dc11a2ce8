"""What a migration does to a database at work: each rule sees the statements and what was before."""
