"""What the service is told when it starts: its model, its limits, its store."""

from dataclasses import dataclass, field
from pathlib import Path

from aisle.deployment.predictor import BATCH
from aisle.service.keys import Key

LOOPBACK = ("127.0.0.1", "::1", "localhost")
MEGABYTE = 2**20
DATABASE, KEYS = "AISLE_DATABASE_URL", "AISLE_API_KEYS"
"""Names of environment variables."""


@dataclass(frozen=True)
class Limits:
    """How much one request, one key and all together may ask for.

    Attributes
    ----------
    products
        In one request; in a file it is `rows`.
    body, file, in_flight
        Bytes of one JSON or multipart body, of one file, and of all bodies that are being answered.
    pictures, megapixels
        Of one product; of one picture. One of 25 megapixels takes some 400 MB to decode.
    seconds, file_seconds
        From the last byte of a request to its answer; a body must come within `seconds` too.
    files
        Tables that are answered at a time.
    rows, lines, cells
        Of a table: rows; lines of a CSV, empty ones too; lines or rows times columns, however few of them
        are filled.
    queue, batch
        Products that wait, and that are predicted together, at most.
    rate
        Products per minute and key, None for any number.
    """

    products: int = 256
    body: int = 32 * MEGABYTE
    file: int = 32 * MEGABYTE
    in_flight: int = 256 * MEGABYTE
    pictures: int = 8
    megapixels: float = 25.0
    seconds: float = 30.0
    file_seconds: float = 600.0
    files: int = 2
    rows: int = 100_000
    lines: int = 1_000_000
    cells: int = 8_000_000
    queue: int = 1024
    batch: int = BATCH
    rate: int | None = None


@dataclass(frozen=True)
class Review:
    """Which products people are asked about, and what is kept of these.

    Attributes
    ----------
    pool
        Products that are kept to be chosen from, at most; 0 for no review at all.
    others
        Probability with which a product that nobody must look at is kept: so that the errors among these are
        known too.
    share
        Of the products that come into the pool, how many chance puts into the queue.
    strategy
        What chooses the others: a file of aisle/service/queue/.
    batch
        Products that are put into the queue at a time.
    second
        Share of the queue that two people are asked about, to know how far they agree.
    lease
        Seconds after which a product that somebody has before them may be given to another.
    side, quality
        Pixels of the longest side of a picture that is kept, and quality of its JPEG.
    days
        That text and picture are kept: of what is decided, and of what nobody was asked about.
    """

    pool: int = 2000
    others: float = 0.02
    share: float = 0.1
    strategy: str = "diverse"
    batch: int = 20
    second: float = 0.1
    lease: float = 600.0
    side: int = 640
    quality: int = 80
    days: float = 30.0


@dataclass(frozen=True)
class Settings:
    """Everything that the service is told.

    Attributes
    ----------
    model, challenger
        Packages, as `aisle.predict` takes them; no challenger if None.
    packages
        Folder that names of packages are looked up in.
    host
        Of the interface; anything but loopback wants keys.
    keys
        API keys; none leaves the service open, on loopback alone.
    database
        URL of SQLAlchemy.
    retention
        Days that predictions are kept.
    watch
        Seconds between two looks at the package's folder; 0 for none.
    buffer
        Predictions that wait to be written, at most.
    limits, review
        How much may be asked; whom people are asked about.
    """

    model: str = "champion"
    challenger: str | None = None
    packages: Path = Path("packages")
    host: str = "127.0.0.1"
    keys: tuple[Key, ...] = ()
    database: str = "sqlite:///service.db"
    retention: float = 90.0
    watch: float = 2.0
    buffer: int = 10_000
    limits: Limits = field(default_factory=Limits)
    review: Review = field(default_factory=Review)
