"""The offline job: raw files to a release."""
