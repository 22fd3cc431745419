"""The releases of MovieLens, each with its own layout."""
