"""Users who read the reply as it is written; rows TTFT, gap and tokens/s beside the requests.

TOKEN=... locust -f bench/locust/stream.py --host http://127.0.0.1:8080 --headless -u 10 -r 5 -t 30s --only-summary
"""

from locust import task
from user import OpenAIUser


class StreamUser(OpenAIUser):
    """Streamed completions with log-normal prompts."""

    @task
    def ask(self) -> None:
        self.stream()
