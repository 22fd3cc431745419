"""What our models are measured against: outside baselines, and peers in environments of their own."""
