"""A model server that behaves like an inference engine, and what is measured with it."""
