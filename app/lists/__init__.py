"""Lists of everybody, made ahead: scored in chunks into a folder of Parquet files, and loaded into the cache."""
