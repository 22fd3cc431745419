"""Training and ranking speed beside RecBole and PyKEEN, each in an environment of its own, one thread each."""
