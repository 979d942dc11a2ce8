"""The command line: parsing and rendering, nothing else. One module a command."""
