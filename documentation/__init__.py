"""The documentation's own tools: pages made of the sources, figures, and the configuration of the site."""
