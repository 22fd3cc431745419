"""Parts of a report: from results to Markdown."""
