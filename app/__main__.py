"""`python -m app`."""

from app.cli import main

# Spawned server processes import this module again under another name: they must not run the command.
if __name__ == "__main__":
    main()
