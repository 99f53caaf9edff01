"""Properties are the same examples in every run: a suite that fails, fails for everybody. `make fuzz` looks further."""

from hypothesis import settings

settings.register_profile("suite", deadline=None, derandomize=True, database=None)
settings.load_profile("suite")
