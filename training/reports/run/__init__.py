"""The report of one training run: report.html, one file that needs nothing else, and its pictures as PNG and SVG."""
