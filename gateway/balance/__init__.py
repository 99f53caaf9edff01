"""The room `balance`: where to? exchange -> upstreams in order of preference."""
