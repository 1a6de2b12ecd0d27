"""Mirrorpoint measured side by side with what people would use instead: `make bench`, `make bench-quick`.

Nothing of it is imported by the program; what is measured is measured as processes.
"""
