"""What an explanation is made of: rows for a person, an object for programs. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Row:
    """One field: its name in the standard, its value, what it means."""

    name: str
    value: str
    meaning: str


@dataclass(slots=True)
class Story:
    rows: list[Row] = field(default_factory=list)
    json: dict[str, object] = field(default_factory=dict)

    def tell(self, name: str, value: str, meaning: str = "") -> None:
        self.rows.append(Row(name, value, meaning))

    def set(self, name: str, value: object) -> None:
        self.json[name] = value

    def tell_mic(self, mic: bytes, ok: bool | None, why: str, *, half: bool = False) -> None:
        """The MIC and the verdict on it; `ok` None is not checked."""
        word = {None: "", True: "ok: ", False: "WRONG: "}[ok]
        if ok and half:
            word = "half ok: "
        self.tell("MIC", mic.hex(), word + why)
        self.set("mic", mic.hex())
        self.set("mic_ok", ok)
        self.set("mic_half", half)
        self.set("mic_why", why)

    def lines(self, width: int = 96) -> list[str]:
        """The rows as aligned text; values too long for the column get a line of their own."""
        column = min(24, max((len(row.value) for row in self.rows), default=0))
        return [line for row in self.rows for line in _lines(row, column, width)]


def _lines(row: Row, column: int, width: int) -> list[str]:
    head = f"{row.name:<14}"
    if len(row.value) <= column:
        return [f"{head}{row.value:<{column}}  {row.meaning}".rstrip()]
    step = width - len(head)
    pieces = [row.value[at : at + step] for at in range(0, len(row.value), step)]
    lines = [f"{head if not i else ' ' * len(head)}{piece}" for i, piece in enumerate(pieces)]
    if row.meaning:
        lines.append(f"{' ' * len(head)}{'':<{column}}  {row.meaning}")
    return lines
