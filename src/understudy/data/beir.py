"""Search data in the shape of BEIR: a corpus, queries, and which documents answer which query."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from understudy.data import fingerprint, parts, tables
from understudy.data.cells import objects
from understudy.data.rows import Rows
from understudy.data.texts import Texts, to_texts
from understudy.errors import RequestError

IntArray = NDArray[np.int64]

CORPUS = "corpus.jsonl"


@dataclass(frozen=True, eq=False)
class Search:
    """Queries, documents, and judgements of pairs of them.

    Judgement i says that document `judged_documents[i]` answers query `judged_queries[i]` to the
    degree `grades[i]` (0: not at all); both are positions in the texts. Every query has a
    judgement. `skipped` counts by reason what was there and is not used.

    Shapes: Q queries, N documents, J judgements, sorted by query.
    Source: Thakur et al. 2021, arXiv:2104.08663 (BEIR), whose loader also keeps the judged queries
    only.
    """

    query_ids: tuple[str, ...]
    queries: Texts
    document_ids: tuple[str, ...]
    documents: Texts
    """Title and text with a space between."""
    judged_queries: IntArray
    judged_documents: IntArray
    grades: IntArray
    fingerprint: str
    skipped: Mapping[str, int] = field(default_factory=dict)


def is_beir(folder: Path) -> bool:
    """Whether a folder holds search data."""
    return (folder / CORPUS).is_file()


def read(folder: Path, origin: str, part: str | None) -> Rows:
    """The same as rows: queries, then documents, with `kind`, `id`, `text` and `relevant`.

    `relevant` of a query maps the ids of documents to grades, as JSON; of a document it is empty.
    Raises: RequestError as `read_beir` does.
    """
    search = read_beir(folder, part)
    judged: list[dict[str, int]] = [{} for _ in search.query_ids]
    for query, document, grade in zip(
        search.judged_queries, search.judged_documents, search.grades, strict=True
    ):
        judged[query][search.document_ids[document]] = int(grade)
    kinds = ["query"] * len(search.query_ids) + ["document"] * len(search.document_ids)
    relevant = [json.dumps(each) for each in judged] + [""] * len(search.document_ids)
    return Rows(
        {
            "kind": objects(kinds),
            "id": objects([*search.query_ids, *search.document_ids]),
            "text": objects([*search.queries, *search.documents]),
            "relevant": objects(relevant),
        },
        origin,
        search.fingerprint,
        skipped=search.skipped,
    )


def judged_in(rows: Rows) -> tuple[IntArray, IntArray, list[dict[int, int]]]:
    """What `read` wrote: the rows of queries [Q] and documents [N], and each query's judgements.

    A judgement is a grade by the document's place among the N; documents elsewhere are left out.
    """
    kinds = np.asarray(rows.columns["kind"], dtype=object)
    queries, documents = (np.flatnonzero(kinds == kind) for kind in ("query", "document"))
    ids = [str(each) for each in rows.columns["id"]]
    place = {ids[row]: at for at, row in enumerate(documents)}
    relevant = (json.loads(rows.columns["relevant"][int(row)] or "{}") for row in queries)
    judged = [
        {place[name]: grade for name, grade in grades.items() if name in place}
        for grades in relevant
    ]
    return queries, documents, judged


def read_beir(folder: Path, part: str | None = None) -> Search:
    """One part (train, test ...) of the search data in a folder.

    It holds corpus.jsonl (_id, title, text), queries.jsonl or queries_PART.jsonl (_id, text), and
    qrels/PART.tsv or qrels_PART.tsv (query-id, corpus-id, score).

    Raises: RequestError where a file is missing or damaged, for a part that is not there, and where
    no judgement is about a query and a document that are there.
    """
    if not is_beir(folder):
        raise RequestError(
            f"{folder} is no folder of search data: there is no {CORPUS} in it; "
            f"expected {CORPUS}, queries.jsonl and qrels/PART.tsv"
        )
    judgement_files = _judgement_files(folder)
    if not judgement_files:
        raise RequestError(f"{folder} holds no judgements; expected qrels/PART.tsv, as test.tsv")
    chosen = parts.choose(judgement_files, part, str(folder))
    skipped: Counter[str] = Counter()
    documents = _texts(folder / CORPUS, skipped, "documents without text")
    queries_file = _queries_file(folder, chosen)
    queries = _texts(queries_file, skipped, "queries without text")
    judgements = _judgements(judgement_files[chosen], queries, documents, skipped)
    used = {query for query, _ in judgements}
    skipped["queries without a judgement"] = sum(query not in used for query in queries)
    query_ids = tuple(query for query in queries if query in used)
    query_of = {query: place for place, query in enumerate(query_ids)}
    document_of = {document: place for place, document in enumerate(documents)}
    rows = sorted(
        (query_of[query], document_of[document], grade)
        for (query, document), grade in judgements.items()
    )
    judged_queries, judged_documents, grades = np.array(rows, dtype=np.int64).T.copy()
    return Search(
        query_ids,
        objects([queries[query] for query in query_ids]),
        tuple(documents),
        objects(list(documents.values())),
        judged_queries,
        judged_documents,
        grades,
        fingerprint.of_parts(
            *fingerprint.of_files([folder / CORPUS, queries_file, judgement_files[chosen]])
        ),
        {reason: count for reason, count in skipped.items() if count},
    )


def _judgement_files(folder: Path) -> dict[str, Path]:
    """The file of each part."""
    nested = {path.stem: path for path in sorted(folder.glob("qrels/*.tsv"))}
    beside = sorted(folder.glob("qrels_*.tsv"))
    return nested or {path.stem.removeprefix("qrels_"): path for path in beside}


def _queries_file(folder: Path, part: str) -> Path:
    places = [folder / f"queries_{part}.jsonl", folder / "queries.jsonl"]
    for place in places:
        if place.is_file():
            return place
    raise RequestError(f"{folder} holds no queries; expected {' or '.join(p.name for p in places)}")


def _texts(path: Path, skipped: Counter[str], reason: str) -> dict[str, str]:
    """The clean text of each id, in the order of the file."""
    columns = tables.read(path, str(path)).columns
    for name in ("_id", "text"):
        if name not in columns:
            raise RequestError(
                f"{path} has no field '{name}' (it has {', '.join(columns)}); "
                "each line is {_id: ..., text: ...}"
            )
    bodies = [cell or "" for cell in columns["text"]]
    titles = [cell or "" for cell in columns["title"]] if "title" in columns else [""] * len(bodies)
    ids = [str(identifier) for identifier in columns["_id"]]
    found: dict[str, str] = {}
    for identifier, title, body in zip(ids, titles, bodies, strict=True):
        if identifier in found:
            raise RequestError(f"{path} has two lines of _id '{identifier}'; each needs its own")
        found[identifier] = f"{title} {body}".strip()
    kept = {identifier: text for identifier, text in found.items() if text}
    skipped[reason] += len(found) - len(kept)
    clean = to_texts([objects(list(kept.values()))], ["text"])
    return dict(zip(kept, clean.tolist(), strict=True))


def _judgements(
    path: Path, queries: Mapping[str, str], documents: Mapping[str, str], skipped: Counter[str]
) -> dict[tuple[str, str], int]:
    """The grade of each judged pair of a query and a document that are there."""
    found: dict[tuple[str, str], int] = {}
    for number, query, document, grade in _judgement_lines(path):
        if query not in queries:
            skipped["judgements of unknown queries"] += 1
        elif document not in documents:
            skipped["judgements of unknown documents"] += 1
        elif found.setdefault((query, document), grade) != grade:
            raise RequestError(
                f"{path}, line {number}: query '{query}' and document '{document}' are judged "
                f"twice, {found[query, document]} and {grade}; keep one of the lines"
            )
    if not found:
        raise RequestError(
            f"no judgement in {path} is about a query and a document that are there; "
            "are the files of one data set?"
        )
    return found


def _judgement_lines(path: Path) -> Iterator[tuple[int, str, str, int]]:
    """Line number, query, document and grade; ids stay text, whatever they look like."""
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
        cells = [cell.strip() for cell in line.split("\t")]
        if not line.strip() or (number == 1 and cells[-1].lower() in ("score", "grade")):
            continue
        try:
            query, document, grade = cells
            yield number, query, document, int(grade)
        except ValueError:
            raise RequestError(
                f"{path}, line {number} is no judgement: expected query-id, corpus-id and a whole "
                f"number with tabs between, not {line[:60]!r}"
            ) from None
