"""From scores to the best N."""
