"""The room `wire`: the bytes, between two sockets."""
