"""HetRec 2011, Last.fm: play counts of artists, and the tags that listeners gave them."""

import polars as pl

from training.data.ledger import Ledger, sift
from training.data.readers.base import Part, RawTables, ReadOptions, Recognition, require_ids
from training.data.readers.interactions.shared import facts, heads
from training.data.readers.interactions.shared.files import LATIN, Files, titled
from training.data.readers.rows import TSV
from training.data.readers.source import Source

PLAYS, ARTISTS, TAGS, TAGGED = "user_artists.dat", "artists.dat", "tags.dat", "user_taggedartists.dat"
PLAY = {"user_id": "userID", "item_id": "artistID", "value": "weight"}
TAG = "tag"

LAYOUT = f"""\
{PLAYS}         a header, tabs; how often an artist was played
                         userID TAB artistID TAB weight
                         2 TAB 51 TAB 13883
{ARTISTS}              may be left out
                         id TAB name TAB url TAB pictureURL
                         1 TAB MALICE MIZER TAB http://… TAB http://…
{TAGS} and             may be left out
{TAGGED}   tagID TAB tagValue    userID TAB artistID TAB tagID TAB …
                         13 TAB chillout       2 TAB 52 TAB 13 TAB 1 TAB 4 TAB 2009
Tags become facts of the artist."""


class HetrecLastfmReader:
    """Reads hetrec2011-lastfm-2k. The value of an interaction is how often the artist was played."""

    name = "hetrec-lastfm"
    layout = LAYOUT
    gives: frozenset[Part] = frozenset({"interactions"})

    def recognise(self, source: Source) -> Recognition:
        """See `Reader.recognise`."""
        certain = heads.header(source, source.find(PLAYS), "\t") == tuple(PLAY.values())
        return heads.recognised(certain, f"{PLAYS} has the header {', '.join(PLAY.values())}")

    def read(self, source: Source, options: ReadOptions, ledger: Ledger) -> RawTables:
        """See `Reader.read`."""
        files = Files(source, options, ledger, TSV, fallback=LATIN)
        plays = files.main(PLAYS, holds=f"play counts, with the header {', '.join(PLAY.values())}")
        interactions = files.interactions(plays, PLAY)
        artists = files.listed(source.find(ARTISTS), {"item_id": "id", "title": "name"}, "item_id")
        item_facts, entities = facts.gather([_tagged(files)])
        files.warnings.append("the values are play counts, not grades: give --positive-from a count")
        files.leave({"user_friends.dat": "friendships of listeners are no facts about artists"})
        return RawTables(
            source_format=self.name,
            declared={"items": titled(artists), "entities": entities},
            interactions=interactions,
            item_facts=item_facts,
            warnings=files.warnings,
        )


def _tagged(files: Files) -> pl.DataFrame:
    """Give each tag of an artist once, however many listeners gave it."""
    tags = files.listed(files.source.find(TAGS), {"tag": "tagID", "name": "tagValue"}, "tag")
    path = files.source.find(TAGGED)
    if path is None or tags.is_empty():
        return facts.single(tags.with_columns(item_id=pl.lit("")).clear(), "name", TAG)
    rows = require_ids(files.rows(path, {"item_id": "artistID", "tag": "tagID"}), ("item_id", "tag"), files.ledger)
    rows = rows.join(tags.select("tag", "name"), on="tag", how="left", maintain_order="left")
    rows = sift(rows, pl.col("name").is_not_null(), files.ledger, "unknown tag", f"a tag that {TAGS} lists")
    files.ledger.check()
    first = rows.select(pl.struct("item_id", "tag").is_first_distinct()).to_series()
    files.ledger.drop(rows.filter(~first), "tag that somebody gave before")
    files.ledger.keep(rows.filter(first))
    return facts.single(rows.filter(first), "name", TAG)
