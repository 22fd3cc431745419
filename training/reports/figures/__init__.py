"""Plots of a report, with the figures that they are drawn from."""
