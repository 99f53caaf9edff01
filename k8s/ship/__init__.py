"""What is generated for those who install the gateway; `python -m ship` writes it, the tests say when it is stale."""
