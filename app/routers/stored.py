"""The calls that read and write what is stored, as one list."""

from app.routers import catalogue, events, facts, review

ROUTERS = (catalogue.router, events.router, facts.router, review.router)
