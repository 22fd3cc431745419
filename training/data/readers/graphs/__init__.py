"""Formats that hold a graph, with or without interactions."""
