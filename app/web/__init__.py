"""The explorer, a page over the public API, and the page of its documentation: no build step, no other host."""
