"""Users who hang up: after some tokens, before the first one, and now and then not at all.

What it costs the model is in the model server's metrics: python -m bench.model, model:tokens_for_nobody_total.

TOKEN=... locust -f bench/locust/leaving.py --host http://127.0.0.1:8080 --headless -u 10 -r 5 -t 30s --only-summary
"""

import random

import settings
from locust import task
from user import OpenAIUser


class LeavingUser(OpenAIUser):
    """Closes its connection in the middle of streams."""

    @task(6)
    def leave_in_the_middle(self) -> None:
        self.stream("left in the middle", 1 + int(random.expovariate(1 / max(settings.LEAVE_AFTER, 0.1))))

    @task(2)
    def leave_before_the_first_token(self) -> None:
        self.stream("left before the first token", 0)

    @task(2)
    def stay(self) -> None:
        self.stream("stayed")
