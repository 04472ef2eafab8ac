"""What load_test.py is made of."""
