"""The service: answers over HTTP from a release and a database."""
