"""Any table, told by its columns."""
