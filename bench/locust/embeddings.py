"""Programs that index documents: eight texts a request, without a pause unless THINK says so.

TOKEN=... locust -f bench/locust/embeddings.py --host http://127.0.0.1:8080 --headless -u 4 -r 4 -t 30s --only-summary
"""

from locust import task
from user import OpenAIUser


class EmbeddingUser(OpenAIUser):
    """Embeddings of log-normal texts."""

    @task
    def index(self) -> None:
        self.embed()
