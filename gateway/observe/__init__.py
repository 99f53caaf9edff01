"""The room `observe`: what happened? Metrics, access log, traces."""
