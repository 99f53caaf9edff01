"""Users who ask, read the whole reply, think, and ask again: plain completions.

TOKEN=... locust -f bench/locust/chat.py --host http://127.0.0.1:8080          # then open http://127.0.0.1:8089
TOKEN=... locust -f bench/locust/chat.py --host http://127.0.0.1:8080 --headless -u 10 -r 5 -t 30s --only-summary
"""

from locust import task
from user import OpenAIUser


class ChatUser(OpenAIUser):
    """Plain completions with log-normal prompts."""

    @task
    def ask(self) -> None:
        self.chat()
