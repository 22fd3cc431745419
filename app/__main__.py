"""`python -m app`."""

import sys

# Processes that a server starts import this module again under another name: they must not run the command.
if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        from app.cli_serve import main as serve

        serve()
    else:
        from app.cli import main

        main()
