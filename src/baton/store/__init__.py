"""The store: what Baton knows, on disk. The only home of deltalake."""
