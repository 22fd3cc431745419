"""Why a pair got its score."""
