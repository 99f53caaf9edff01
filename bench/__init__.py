"""What a request costs through the gateway, nginx and a plain aiohttp proxy: `python -m bench`."""
