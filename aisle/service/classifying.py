"""From the products of a request to its answer: through the queue, into the store, out as plain values."""

import asyncio
from collections.abc import Sequence
from secrets import token_hex
from typing import Any

from aisle.service import answering, explaining
from aisle.service.answering import Answer, Product, ServedModel
from aisle.service.batching import Batcher, Job, QueueFullError
from aisle.service.challenger import Challenger
from aisle.service.metrics import Metrics
from aisle.service.problems import RefusalError, busy
from aisle.service.review.keeping import Keeper
from aisle.service.store.tables import now
from aisle.service.store.writer import Writer

KEPT = 20
"""Categories of a prediction whose probabilities are stored: a tree may have hundreds."""
FREE = 0.5
"""Share of the queue that tables leave to requests of a few products."""


def facts(model: ServedModel) -> dict[str, Any]:
    """Return what an answer says of the model (`schemas.ModelFacts`)."""
    package = model.package
    return {
        "name": package.model,
        "title": package.title,
        "version": model.version,
        "digest": model.digest,
        "catalogue": package.catalogue,
        "weights": package.weights,
        "modalities": package.modalities,
    }


def ranked(category: str, probability: float) -> dict[str, Any]:
    """Return a category as an answer has it (`schemas.Ranked`)."""
    return {"category": category, "category_path": answering.path(category), "probability": probability}


def most_probable(probabilities: dict[str, float]) -> dict[str, float]:
    """Return the categories that the store keeps the probabilities of, the most probable first."""
    order = sorted(probabilities, key=lambda name: (-probabilities[name], name))
    return {name: probabilities[name] for name in order[:KEPT]}


class Classifier:
    """What answers requests.

    Parameters
    ----------
    batcher, writer, challenger
        Where products go, answers are kept, and are compared with.
    metrics
        What is counted.
    keeper
        Of products for the review; None for none.
    """

    def __init__(
        self,
        batcher: Batcher,
        writer: Writer,
        challenger: Challenger | None,
        metrics: Metrics,
        keeper: Keeper | None = None,
    ) -> None:
        self._batcher = batcher
        self._writer = writer
        self._challenger = challenger
        self._metrics = metrics
        self._keeper = keeper

    async def answers(
        self, products: Sequence[Product], model: ServedModel, seconds: float
    ) -> tuple[list[Answer], Job]:
        """Return what is said of the products of a request.

        Raises
        ------
        RefusalError
            429 if there is no room, 503 if it took too long, 500 if the model failed on one.
        """
        try:
            job = self._batcher.submit(products, model)
        except QueueFullError:
            raise self._batcher.full() from None
        return await self._done(job, seconds), job

    async def explanations(
        self,
        products: Sequence[Product],
        answers: Sequence[Answer],
        model: ServedModel,
        seconds: float,
        asked: bool,
    ) -> list[dict[str, Any] | None]:
        """Return why each product got its category, None where that was not asked for.

        What a model of both modalities says of each alone comes through the same queue; raises as `answers`.
        """
        if not asked:
            return [None] * len(products)
        parts: list[Answer] = []
        if several := len(model.package.modalities) > 1:
            each = [part for product in products for part in explaining.coalitions(product)]
            parts, _ = await self.answers(each, model, seconds)
        return await asyncio.to_thread(
            lambda: [
                explaining.explained(model, *pair, parts[3 * i : 3 * i + 3] if several else None)
                for i, pair in enumerate(zip(products, answers, strict=True))
            ]
        )

    async def patiently(
        self, products: Sequence[Product], model: ServedModel, seconds: float
    ) -> tuple[list[Answer], Job]:
        """Return the same of some rows of a table: they wait for room, and leave half of it to others."""
        until = asyncio.get_running_loop().time() + seconds
        while self._batcher.waiting + len(products) > self._batcher.capacity * FREE:
            if (left := until - asyncio.get_running_loop().time()) <= 0 or not self._batcher.alive:
                raise self._batcher.full()
            await asyncio.sleep(min(0.01, left))
        return await self.answers(products, model, max(0.0, until - asyncio.get_running_loop().time()))

    async def _done(self, job: Job, seconds: float) -> list[Answer]:
        try:
            async with asyncio.timeout(seconds):
                found = await job.future
        except TimeoutError:
            told = f"the answer must be there within {seconds:g} seconds; it was not, and was given up"
            raise busy(told, self._batcher.wait_seconds(), 503) from None
        whole = [each for each in found if isinstance(each, dict)]
        if len(whole) < len(found):
            place = next(i for i, each in enumerate(found) if not isinstance(each, dict))
            raise RefusalError(
                500, f"products[{place}] could not be predicted; the log tells where, by the request's id"
            )
        return whole

    def keep(
        self,
        products: Sequence[Product],
        ids: Sequence[str | None],
        answers: list[Answer],
        job: Job,
        request: tuple[str, str],
        first: int = 0,
    ) -> list[str]:
        """Count answers, and give them to the store and the challenger.

        Parameters
        ----------
        products, ids, answers
            n of each.
        job
            In which they were predicted.
        request
            Id of the request and name of the key.
        first
            Place of the first product in the request.

        Returns
        -------
        list of str
            An id for each prediction.
        """
        made = [token_hex(16) for _ in products]
        digests = [answering.input_digest(each) for each in products]
        for answer in answers:
            self._metrics.products.labels(answer["category"]).inc()
            for reason in answer["reasons"]:
                self._metrics.people.labels(reason["code"]).inc()
        at = now()

        def rows(
            names: list[str], model: ServedModel, role: str, found: list[Answer]
        ) -> list[dict[str, Any]]:
            return [
                {
                    "id": names[i],
                    "at": at,
                    "request_id": request[0],
                    "place": first + i,
                    "client": request[1],
                    "product_id": ids[i],
                    "input_digest": digests[i],
                    "model": model.package.model,
                    "model_digest": model.digest,
                    "role": role,
                    "category": answer["category"],
                    "probability": answer["probability"],
                    "probabilities": most_probable(answer["probabilities"]),
                    "threshold": answer["threshold"],
                    "needs_person": answer["send_to_person"],
                    "reasons": [reason["code"] for reason in answer["reasons"]],
                    "queue_ms": round(job.queue_seconds * 1e3, 3),
                    "predict_ms": round(job.predict_seconds * 1e3, 3),
                }
                for i, answer in enumerate(found)
            ]

        self._writer.add(rows(made, job.model, "champion", answers))
        if self._keeper:
            self._keeper.offer(products, ids, made, answers)
        if self._challenger:
            other = self._challenger.serving.current

            def shadowed(found: list[Answer]) -> None:
                self._writer.add(rows([token_hex(16) for _ in found], other, "challenger", found))

            self._challenger.offer(list(products), answers, shadowed)
        return made

    @staticmethod
    def predictions(
        ids: Sequence[str | None], made: list[str], answers: list[Answer], probabilities: bool
    ) -> list[dict[str, Any]]:
        """Return answers as they are sent (`schemas.Prediction`)."""
        return [
            ranked(answer["category"], answer["probability"])
            | {
                "prediction_id": made[i],
                "id": ids[i],
                "top3": [ranked(each["category"], each["probability"]) for each in answer["top3"]],
                "needs_person": answer["send_to_person"],
                "reasons": answer["reasons"],
                "threshold": answer["threshold"],
                "certain": ranked(**certain) if (certain := answer.get("certain")) else None,
                "used": answer["used"],
                "warning": answer["warning"],
                "probabilities": answer["probabilities"] if probabilities else None,
            }
            for i, answer in enumerate(answers)
        ]
