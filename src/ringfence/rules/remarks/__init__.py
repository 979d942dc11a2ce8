"""What is said to lint itself, beside the SQL or in a baseline."""
