"""What the knowledge graph lacks, what may fill it, and what people decide about that."""

from typing import Annotated

from fastapi import APIRouter, Body, Query
from fastapi.responses import StreamingResponse

from app.dependencies import PredictionServiceDep, ReviewServiceDep
from app.errors import (
    AlreadyDecided,
    InvalidQuery,
    NoActiveRelease,
    NotInRelease,
    Overloaded,
    StorageUnavailable,
    UnknownCandidate,
    UnknownRelation,
)
from app.routers.problems import problems
from app.schemas.predictions import MEDIA_TYPES, NTRIPLES_EXAMPLE, TSV_EXAMPLE, ExportParameters, lines
from app.schemas.review import (
    CandidateFact,
    CandidateFactList,
    CandidateId,
    CandidateParameters,
    DecisionBody,
    GapList,
    GapParameters,
    PredictionOutcome,
    PredictionRequest,
    candidate_number,
)
from app.schemas.strict import NoParameters

router = APIRouter(prefix="/kg", tags=["knowledge graph"])
_EXPORTED = {
    "description": "The facts, as they are predicted; an answer that breaks off is not whole.",
    "content": {
        MEDIA_TYPES["tsv"]: {"schema": {"type": "string"}, "example": TSV_EXAMPLE},
        MEDIA_TYPES["ntriples"]: {"schema": {"type": "string"}, "example": NTRIPLES_EXAMPLE},
    },
}


@router.get("/gaps", responses=problems(UnknownRelation, InvalidQuery, StorageUnavailable))
async def list_gaps(parameters: Annotated[GapParameters, Query()], service: ReviewServiceDep) -> GapList:
    """Page through what is missing: entities of items without any fact of a relation, by how many people it touches."""
    return GapList.of(
        await service.gaps(parameters.relation, parameters.least_share, parameters.limit, parameters.after())
    )


@router.get("/candidates", responses=problems(UnknownRelation, InvalidQuery, StorageUnavailable))
async def list_candidates(
    parameters: Annotated[CandidateParameters, Query()], service: ReviewServiceDep
) -> CandidateFactList:
    """Page through predicted facts that wait for a decision, or were decided."""
    named = await service.candidates(parameters.wanted(), parameters.limit + 1, parameters.after())
    return CandidateFactList.of(named, parameters.limit)


@router.post("/candidates", responses=problems(NoActiveRelease, StorageUnavailable, Overloaded))
async def predict_candidates(
    wanted: Annotated[PredictionRequest, Body()],
    _none: Annotated[NoParameters, Query()],
    service: ReviewServiceDep,
) -> PredictionOutcome:
    """Predict what may fill the gaps that touch most people, to be reviewed.

    Candidates of an earlier release that nobody decided about make room. What was rejected is not predicted again.
    """
    return PredictionOutcome.of(await service.predict(wanted.gaps, wanted.per_gap, wanted.least_share))


@router.post(
    "/candidates/{candidate_id}/decision", responses=problems(UnknownCandidate, AlreadyDecided, StorageUnavailable)
)
async def decide_candidate(
    candidate_id: CandidateId,
    decision: Annotated[DecisionBody, Body()],
    _none: Annotated[NoParameters, Query()],
    service: ReviewServiceDep,
) -> CandidateFact:
    """Accept or reject a predicted fact, once; the same decision again changes nothing.

    An accepted fact is in the graph from the next call on, as evidence too. A rejected one is not offered again, by no
    release; the next training takes it for false.
    """
    return CandidateFact.only(await service.decide(candidate_number(candidate_id), decision.verdict()))


@router.get(
    "/predictions/export",
    response_class=StreamingResponse,
    responses={
        200: _EXPORTED,
        **problems(UnknownRelation, NotInRelease, InvalidQuery, NoActiveRelease, StorageUnavailable),
    },
)
async def export_predictions(
    parameters: Annotated[ExportParameters, Query()], service: PredictionServiceDep
) -> StreamingResponse:
    """Write out the predicted facts above a score or a probability: none that is stored, none that was rejected.

    Each relation is asked for the tails of its heads, and of all items where the entity of any item is among those.
    """
    facts = await service.predictions(parameters.wanted())
    return StreamingResponse(lines(parameters.format, facts), media_type=MEDIA_TYPES[parameters.format])
