from hypothesis import settings

# A shared core may stall for longer than the 200 ms that an example has by default.
settings.register_profile("limit", deadline=None)
settings.load_profile("limit")
