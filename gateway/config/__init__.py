"""The room `config`: the tree of options, and how it is read."""
