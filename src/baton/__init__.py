"""Baton: when a customer's journey crosses from one team to the next, was the baton dropped?"""

__version__ = "0.1.0"
