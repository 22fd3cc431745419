"""What readers of interactions share: guessing by heads, reading with a fixed dialect, facts from columns, JSON."""
