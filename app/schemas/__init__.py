"""Request and response bodies; one noun a file."""
