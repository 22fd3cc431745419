"""What is asked for everybody, as the service's own question."""

from app.lists.folder import Question
from app.schemas.recommendations import RecommendationParameters
from app.services.recommendations import RecommendationQuery


def query_of(question: Question) -> RecommendationQuery:
    """Say what is asked for as the route does; for nobody yet."""
    wanted = RecommendationParameters(
        limit=question.limit, explain=question.explain, lang=question.lang, fallback=question.fallback
    )
    return wanted.query(None)
