"""The page as it is sent: strict, kept as long as it is the same, compressed, and nothing from elsewhere."""

import gzip
import re
from pathlib import Path

import httpx
import pytest

from app.routers.access import needed_scope
from app.routers.api import create_api
from app.web.assets import FOLDER, PAGES, read_site

pytestmark = pytest.mark.anyio
SITE = read_site()
ADDRESS = re.compile(r"(?:src|href)=\"([^\"]+)\"")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def browser() -> httpx.AsyncClient:
    """The HTTP surface, without any part behind: the page needs none."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(create_api()), base_url="http://test")


@pytest.mark.parametrize("path", ["/", "/docs", f"/static/{SITE.version}/main.js", "/static/x/none.js"])
async def test_every_answer_has_the_strict_headers(browser: httpx.AsyncClient, path: str) -> None:
    headers = (await browser.get(path)).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")


@pytest.mark.parametrize("path", ["/", "/docs"])
async def test_everything_that_a_page_names_is_there_and_is_ours(browser: httpx.AsyncClient, path: str) -> None:
    page = (await browser.get(path)).text
    named = [found for found in ADDRESS.findall(page) if found.startswith("/static/")]
    assert len(named) >= 4
    assert all(found.startswith("/") and not found.startswith("//") for found in ADDRESS.findall(page))
    for found in named:
        answer = await browser.get(found)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "public, max-age=31536000, immutable")


async def test_a_page_has_no_script_and_no_style_inside() -> None:
    for page in PAGES.glob("*.html"):
        text = page.read_text("utf-8")
        assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=", text), page


async def test_a_file_of_another_version_is_sent_and_not_kept(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/static/older/main.js")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-cache")


async def test_what_has_not_changed_is_not_sent_again(browser: httpx.AsyncClient) -> None:
    for accepted in ("gzip", "identity"):
        first = await browser.get("/", headers={"Accept-Encoding": accepted})
        again = {"Accept-Encoding": accepted, "If-None-Match": f'"other", W/{first.headers["etag"]}'}
        second = await browser.get("/", headers=again)
        assert (second.status_code, second.content) == (304, b"")
        other = await browser.get("/", headers={"Accept-Encoding": accepted, "If-None-Match": '"other"'})
        assert other.status_code == 200


@pytest.mark.parametrize(
    ("accepted", "zipped"), [("gzip", True), ("br, GZIP;q=0.3", True), ("gzip;q=0", False), ("br", False), ("", False)]
)
async def test_files_are_compressed_for_who_takes_that(browser: httpx.AsyncClient, accepted: str, zipped: bool) -> None:
    async with browser.stream("GET", f"/static/{SITE.version}/style.css", headers={"Accept-Encoding": accepted}) as got:
        raw = b"".join([piece async for piece in got.aiter_raw()])
    assert (got.headers.get("content-encoding") == "gzip", got.headers["vary"]) == (zipped, "Accept-Encoding")
    assert (gzip.decompress(raw) if zipped else raw) == (FOLDER / "style.css").read_bytes()


@pytest.mark.parametrize("name", ["../routes.py", "..%2Froutes.py", "%2e%2e/assets.py", "vendor", "nothing.js", ""])
async def test_nothing_but_the_files_is_sent(browser: httpx.AsyncClient, name: str) -> None:
    assert (await browser.get(f"/static/{SITE.version}/{name}")).status_code == 404


async def test_the_page_and_its_files_need_no_key_and_nothing_else_became_open() -> None:
    for path in ("/", "/docs", "/static/v/main.js", "/openapi.json"):
        assert needed_scope("GET", path) is None, path
    for path in ("/users", "/items", "/releases", "/metrics", "/static", "//"):
        assert needed_scope("GET", path) == "read", path


async def test_the_address_changes_with_any_byte_and_with_nothing_else(tmp_path: Path) -> None:
    def version(**files: str) -> str:
        folder = tmp_path / "static"
        folder.mkdir(exist_ok=True)
        for name, text in files.items():
            (folder / f"{name}.js").write_text(text)
        return read_site(folder, PAGES).version

    first = version(main="a", other="b")
    assert version(main="a", other="b") == first
    assert version(main="a", other="c") != first
    assert version(main="a", other="b") == first


async def test_nothing_of_the_page_comes_from_elsewhere() -> None:
    """Links in comments and licences aside, no file of ours names another host."""
    for path in FOLDER.rglob("*"):
        if path.suffix in (".js", ".css") and "vendor" not in path.parts:
            assert not re.search(r"[\"'(]\s*(https?:)?//", path.read_text("utf-8")), path


def test_the_page_is_light() -> None:
    """What the first list needs: the page, its styles, its scripts and the library that they begin with."""
    page = SITE.pages["explorer.html"].content.decode()
    first = [SITE.files[name] for name in re.findall(rf"/static/{SITE.version}/([^\"]+)\"", page)]
    first = [*dict.fromkeys(first), SITE.pages["explorer.html"]]
    assert len(first) > 20
    assert sum(len(asset.zipped) for asset in first) < 52_000
    assert sum(len(asset.content) for asset in first) < 126_000
