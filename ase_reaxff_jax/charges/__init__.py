"""Charges: the equations of charge equilibration and their solution."""
