"""Predicted facts as lines: tab-separated values, or N-Triples."""

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Annotated, Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field

from app.errors import InvalidQuery
from app.schemas.ids import ExternalId
from app.services.predictions import PredictedFact, Wanted

Format = Literal["tsv", "ntriples"]
MEDIA_TYPES: dict[Format, str] = {"tsv": "text/tab-separated-values", "ntriples": "application/n-triples"}
TSV_EXAMPLE = "head\trelation\ttail\tscore\tprobability\ne9\tdirector\te4\t-1.2\t0.81\n"
NTRIPLES_EXAMPLE = "<urn:ktup:entity:e9> <urn:ktup:relation:director> <urn:ktup:entity:e4> .\n"

# An id that is an IRI already; what an IRI cannot hold is left out (RFC 3987, N-Triples IRIREF).
_IRI = re.compile(r"(?!urn:ktup:)[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20<>\"{}|^`\\\x7f-\x9f]+")
_ESCAPED = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})

Finite = Annotated[float, Field(allow_inf_nan=False)]


class ExportParameters(BaseModel):
    """Which predicted facts are exported, and how."""

    model_config = ConfigDict(extra="forbid")

    format: Format = Field(
        "tsv",
        description="`tsv`: a header, then head, relation, tail, score and probability (empty if there is none), with "
        r"`\t`, `\n`, `\r` and `\\` for these signs within ids. `ntriples`: ids that are no IRI stand as "
        "`urn:ktup:entity:…` and `urn:ktup:relation:…`, percent-encoded.",
    )
    relation: ExternalId | None = Field(None, description="Only facts of this relation; left out, of all.")
    least_score: Finite | None = Field(None, description="Only facts with at least this score.", examples=[-0.5])
    least_probability: Finite | None = Field(
        None, ge=0, le=1, description="Only facts that are at least as probable.", examples=[0.5]
    )
    per_query: int = Field(10, ge=1, le=100, description="Most tails for one head and relation, the best ones.")

    def wanted(self) -> Wanted:
        """Say which facts are asked for.

        Raises:
            InvalidQuery: no bound is given.
        """
        if self.least_score is None and self.least_probability is None:
            bounds = ("least_score", "least_probability")
            raise InvalidQuery("Give `least_score`, `least_probability`, or both.", bounds)
        return Wanted(self.relation, self.least_score, self.least_probability, self.per_query)


async def lines(kind: Format, pieces: AsyncIterator[Sequence[PredictedFact]]) -> AsyncIterator[str]:
    """Write predicted facts, piece by piece."""
    if kind == "tsv":
        yield "head\trelation\ttail\tscore\tprobability\n"
    write = _tsv if kind == "tsv" else _ntriples
    async for piece in pieces:
        if piece:
            yield "".join(write(piece))


def _tsv(facts: Sequence[PredictedFact]) -> Iterator[str]:
    for each in facts:
        ids = (part.translate(_ESCAPED) for part in each.fact)
        yield "\t".join([*ids, repr(each.score), "" if each.probability is None else repr(each.probability)]) + "\n"


def _ntriples(facts: Sequence[PredictedFact]) -> Iterator[str]:
    for each in facts:
        head, relation, tail = each.fact
        yield f"<{iri('entity', head)}> <{iri('relation', relation)}> <{iri('entity', tail)}> .\n"


def iri(kind: Literal["entity", "relation"], external_id: str) -> str:
    """Write an id as an IRI: different ids give different ones.

    >>> iri("entity", "http://dbpedia.org/resource/Łódź"), iri("relation", "a b/c")
    ('http://dbpedia.org/resource/Łódź', 'urn:ktup:relation:a%20b%2Fc')
    """
    return external_id if _IRI.fullmatch(external_id) else f"urn:ktup:{kind}:{quote(external_id, safe='')}"
