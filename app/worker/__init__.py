"""The process that runs training jobs: it takes them from the database, and starts the offline job's own commands."""
