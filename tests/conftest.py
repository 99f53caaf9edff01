"""Properties are the same examples in every run: a suite that fails, fails for everybody. `make fuzz` looks further."""

import pytest
from hypothesis import HealthCheck, settings

# Used from several folders, so before the first of them imports it.
pytest.register_assert_rewrite("gateway_process")

# A busy machine makes examples slow, not wrong.
CALM = (HealthCheck.too_slow,)
settings.register_profile("suite", deadline=None, derandomize=True, database=None, suppress_health_check=CALM)
settings.register_profile("fuzz", deadline=None, max_examples=3000, database=None)
settings.load_profile("suite")
