"""What people and programs read: pure renderers, a model or a frame in, text or bytes out.

Whatever a span said is hostile: every renderer for people passes it through `baton.reports.text`.
"""
