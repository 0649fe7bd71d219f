"""The energy terms, one file each: equation, source, one function."""
