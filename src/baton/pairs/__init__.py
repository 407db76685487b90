"""Send <-> receive, and what is learned from them."""
