"""All code that a server process needs, loaded once for all of them; see `app.cli_serve`."""

import gc

import app.cli_serve
import app.inference
import app.main  # noqa: F401

# What stays for ever is looked at no more: a collection would write to its pages, and each process get its own.
gc.collect()
gc.freeze()
