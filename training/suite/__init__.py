"""Many systems, many seeds: trained, measured, and kept so that a report can be made of them."""
