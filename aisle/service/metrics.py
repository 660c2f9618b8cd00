"""What Prometheus reads at /metrics."""

from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class Metrics:
    """The service's figures, in a registry of their own, so that two services in one process do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        at: Any = {"registry": self.registry}
        self.requests = Counter(
            "aisle_requests", "Requests by route, method and status.", ["route", "method", "status"], **at
        )
        self.seconds = Histogram(
            "aisle_request_seconds",
            "From a request's first byte to its answer.",
            ["route"],
            buckets=SECONDS,
            **at,
        )
        self.products = Counter("aisle_products", "Products answered, by category.", ["category"], **at)
        self.people = Counter(
            "aisle_to_person", "Products that a person must look at, by reason.", ["reason"], **at
        )
        self.batch = Histogram(
            "aisle_batch_products", "Products predicted together.", buckets=(1, 2, 4, 8, 16, 32, 48, 64), **at
        )
        self.predict = Histogram("aisle_batch_seconds", "To predict one batch.", buckets=SECONDS, **at)
        self.queue = Gauge("aisle_queue_products", "Products that wait.", **at)
        self.in_flight = Gauge("aisle_in_flight_bytes", "Bytes of the bodies that are being answered.", **at)
        self.failures = Counter("aisle_predict_failures", "Products that could not be predicted.", **at)
        self.loads = Counter(
            "aisle_model_loads",
            "Packages that were to be served: swapped, refused, rolled back.",
            ["outcome"],
            **at,
        )
        self.model = Gauge(
            "aisle_model", "1 for the package that is served.", ["model", "digest", "role"], **at
        )
        self.written = Counter("aisle_store_written", "Rows of predictions written.", **at)
        self.dropped = Counter("aisle_store_dropped", "Rows of predictions that were not written.", **at)
        self.errors = Counter("aisle_store_errors", "Attempts to write that failed.", **at)
        self.waiting = Gauge("aisle_store_waiting", "Rows that wait to be written.", **at)
        self.kept = Counter(
            "aisle_review_products",
            "Products for the review: kept, dropped, known already.",
            ["outcome"],
            **at,
        )
        self.judged = Counter(
            "aisle_review_judgements", "What people said: decided, skipped, undone.", ["what"], **at
        )
        self.challenger = Counter(
            "aisle_challenger",
            "What the challenger said: agrees, differs, skipped, failed.",
            ["outcome"],
            **at,
        )
