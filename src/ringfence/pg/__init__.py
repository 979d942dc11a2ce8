"""The only package that opens a connection or runs a server."""
