"""Whether the reasons of a release are true: samples, trials and their report."""
