"""Everybody at once, in the shares of an ordinary service: mostly streams, some plain, some indexing, some leaving.

TOKEN=... locust -f bench/locust/mixed.py --host http://127.0.0.1:8080 --headless -u 20 -r 5 -t 60s --only-summary
"""

import chat
import embeddings
import leaving
import stream


class StreamUser(stream.StreamUser):
    weight = 6


class ChatUser(chat.ChatUser):
    weight = 2


class EmbeddingUser(embeddings.EmbeddingUser):
    weight = 1


class LeavingUser(leaving.LeavingUser):
    weight = 1
