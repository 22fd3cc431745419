"""Whatever the files of a format hold: rows that are all accounted for, or one DatasetError. Nothing else.

`python -m benchmarks.fuzz_readers --inputs 100000` does the same by the hundred thousand.
"""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from benchmarks.fuzz_readers import PIECES, Sample, Trial, draw, outcome, samples

EXAMPLES = int(os.environ.get("KTUP_FUZZ_EXAMPLES", "60")) // 3
fuzz = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
SAMPLES = samples()
edits = st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 6), st.sampled_from(PIECES) | st.binary(max_size=4))
by_name = pytest.mark.parametrize("sample", SAMPLES, ids=[sample.reader for sample in SAMPLES])


def read(trial: Trial, sample: Sample) -> str:
    with tempfile.TemporaryDirectory() as folder:
        return outcome(trial, Path(folder), sample.headers)


@by_name
def test_whole_files_are_read_and_every_line_of_them_is_counted(sample: Sample) -> None:
    assert read(Trial(sample.reader, sample.files, 1.0, None), sample) == "read"


@by_name
@fuzz
@given(data=st.data(), share=st.sampled_from([0.01, 0.5, 1.0]), encoding=st.sampled_from([None, "latin-1"]))
def test_a_few_damaged_places_give_whole_books_or_one_clear_error(
    sample: Sample, data: st.DataObject, share: float, encoding: str | None
) -> None:
    files = dict(sample.files)
    victims = data.draw(st.dictionaries(st.sampled_from(sorted(files)), st.lists(edits, max_size=4), max_size=2))
    for name, changes in victims.items():
        for where, length, piece in changes:
            place = int(where * (len(files[name]) + 1))
            files[name] = files[name][:place] + piece + files[name][place + length :]
    event(read(Trial(sample.reader, files, share, encoding), sample))


@by_name
@fuzz
@given(seed=st.integers(0, 2**32))
def test_cuts_doubled_lines_odd_separators_and_huge_fields_do_too(sample: Sample, seed: int) -> None:
    event(read(draw(sample, seed), sample))
