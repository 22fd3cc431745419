"""Use cases, on ports only; one noun a file."""
