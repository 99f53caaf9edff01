"""The room `auth`: who is calling? request -> Identity."""
