"""What a host shows of its polls over HTTP: metrics, health, and a page for people (extra `metrics`).

`StatusBoard` keeps what is known of each instance; whoever polls tells it, as any `Observer`. `server.serve` shows it.
"""
