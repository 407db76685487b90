"""Who hands to whom: graphs of teams and services, what a reviewer asks of them, and the dimensions of ownership."""
