"""A call as a value: what is sent, and how its answer is read. Both clients send the same ones."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from app.client.errors import UnreadableAnswer

Answer = TypeVar("Answer")
Model = TypeVar("Model", bound=BaseModel)
Values = Mapping[str, Any]
_WORDS = frozenset({"popular"})  # as the service knows them in `app/routers/paths.py`


@dataclass(frozen=True, slots=True)
class Call(Generic[Answer]):
    """One call. `path` has the places of the ids in braces, as in the OpenAPI document.

    `repeatable` calls may be sent again when nobody knows whether they arrived; all but a few are.
    """

    method: str
    path: str
    read: Callable[[httpx.Response], Answer]
    ids: Mapping[str, str] = field(default_factory=dict)
    params: Values = field(default_factory=dict)
    body: Any = None
    repeatable: bool = True

    @property
    def target(self) -> str:
        """The path as it is sent.

        Raises:
            ValueError: an id is empty, or is not valid Unicode.
        """
        return self.path.format_map({name: quoted(name, value) for name, value in self.ids.items()})

    @property
    def query(self) -> Values:
        """The parameters that were given."""
        return given(self.params)

    def after(self, cursor: str) -> "Call[Answer]":
        """The same call for the page that a cursor names."""
        if self.body is not None:
            return replace(self, body={**self.body, "cursor": cursor})
        return replace(self, params={**self.params, "cursor": cursor})


def quoted(name: str, value: str) -> str:
    """Write an id as one segment of a path.

    A segment of dots alone would be taken for a folder on its way, so its dots are escaped as well; and a word of a
    route, such as `popular`, is no such word where a letter of it is escaped.

    >>> quoted("item_id", "a/b?"), quoted("item_id", ".."), quoted("item_id", "popular")
    ('a%2Fb%3F', '%2E%2E', '%70opular')
    """
    if not value:
        raise ValueError(f"{name}: expected an id, found nothing")
    try:
        text = quote(value, safe="")
    except UnicodeEncodeError:
        raise ValueError(f"{name}: this id is not valid Unicode: it holds half a surrogate pair") from None
    if text in _WORDS:
        return f"%{ord(text[0]):02X}{text[1:]}"
    return text.replace(".", "%2E") if set(text) == {"."} else text


def given(values: Values) -> dict[str, Any]:
    """Leave out what was not given: the server's own defaults then hold."""
    return {name: value for name, value in values.items() if value is not None and not _is_empty(value)}


def _is_empty(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and not value


def answer(model: type[Model]) -> Callable[[httpx.Response], Model]:
    """Read JSON as a model; fields that it does not know are ignored, as the service may add some."""

    def read(response: httpx.Response) -> Model:
        try:
            return model.model_validate_json(response.content)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"])) or "the body"
            raise UnreadableAnswer(f"{response.url}: {place}: {first['msg']}") from None

    return read


def text(response: httpx.Response) -> str:
    """Read an answer that is text."""
    return response.text
