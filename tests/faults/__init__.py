"""What users see while a store's server is killed, hangs, restarts or is full.

``python -m tests.faults.table`` prints it as a table.
"""
