"""The text of an XML document's first level, and nothing else of XML. Pure.

No document type, no entities of its own, no foreign encodings, no names beyond their local part:
what could make a parser fetch, expand or loop is refused.
"""

from __future__ import annotations

from xml.parsers import expat

from ..errors import SourceError

MAX_DEPTH = 32
MAX_TEXT = 8192  # characters of one value


class _Reader:
    def __init__(self) -> None:
        self.root = ""
        self.found: dict[str, str] = {}
        self._path: list[str] = []

    def start(self, name: str, attributes: object) -> None:
        if len(self._path) >= MAX_DEPTH:
            raise SourceError(f"XML of up to {MAX_DEPTH} levels expected, came more")
        # expat joins namespace and name by the separator it was made with.
        local = name.rpartition(" ")[2]
        self._path.append(local)
        if len(self._path) == 1:
            self.root = local
        elif len(self._path) == 2:
            self.found[local] = ""

    def end(self, name: str) -> None:
        self._path.pop()

    def text(self, data: str) -> None:
        if len(self._path) != 2:
            return
        name = self._path[1]
        self.found[name] += data
        if len(self.found[name]) > MAX_TEXT:
            raise SourceError(f"{name[:64]}: up to {MAX_TEXT} characters expected, came more")

    def refuse(self, *declaration: object) -> None:
        raise SourceError("XML without a document type expected, came one with <!DOCTYPE")


def leaves(data: bytes) -> tuple[str, dict[str, str]]:
    """The root's name and its children's names and texts. Raises SourceError."""
    reader = _Reader()
    # A fixed encoding, so that the document cannot name another.
    parser = expat.ParserCreate("utf-8", " ")
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = reader.refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        place = f"line {error.lineno}, column {error.offset}"
        raise SourceError(f"XML expected, at {place}: {expat.ErrorString(error.code)}") from None
    return reader.root, {name: text.strip() for name, text in reader.found.items()}
