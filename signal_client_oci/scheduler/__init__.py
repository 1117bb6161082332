"""Requests in flight: lanes, workers, retries, rate limits."""
