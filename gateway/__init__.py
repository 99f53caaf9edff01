"""AI API Gateway: authenticate -> limit -> pick upstream -> forward, on one event loop.

Start at `pipeline.py`, the life of a request on one screen. Five words are used everywhere: *downstream* is the
client's side, *upstream* the model server's side, an *exchange* is one request with its reply, a *service* is a named
group of upstreams, a *route* is a service's stages, built once.
"""

from importlib.metadata import version

__version__ = version("ai-api-gateway")
