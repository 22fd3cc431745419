"""Every call of the service, as functions that make it; what is left out has the server's own default."""
