"""Game days: a bank that loses messages in known ways, and how Baton's answer holds against the truth.

Judged through the front door only: real exporters in, the commands' output out.
"""
