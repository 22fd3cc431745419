"""HTTP: typed input, one service call, one conversion; one noun a file."""
