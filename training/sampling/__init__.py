"""What a batch is compared with."""
