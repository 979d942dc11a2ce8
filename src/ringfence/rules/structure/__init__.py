"""Structure and performance: each rule sees the catalog of ddl/."""
