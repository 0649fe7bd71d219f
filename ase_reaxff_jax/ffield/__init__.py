"""Force-field files: their columns, reading, writing and checking."""
