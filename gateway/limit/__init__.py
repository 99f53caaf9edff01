"""The room `limit`: may they, now? exchange, Identity -> Permit."""
