"""Plain text as headings, lists and paragraphs: all of a statement's markup, and no HTML in it."""

from dataclasses import dataclass, field


@dataclass
class Block:
    """A heading, a list or a paragraph; `lines` are its items or its only line."""

    kind: str  # heading, list or text
    lines: list[str] = field(default_factory=list)


def blocks_of(text: str) -> list[Block]:
    """The blocks of a text: `## ` begins a heading, `- ` an item; empty lines part paragraphs."""
    blocks: list[Block] = []
    follows = False  # whether a further line continues the paragraph
    for line in (raw.strip() for raw in text.splitlines()):
        if line.startswith("## "):
            blocks.append(Block("heading", [line[3:].strip()]))
        elif line.startswith("- "):
            if not (follows and blocks[-1].kind == "list"):
                blocks.append(Block("list"))
            blocks[-1].lines.append(line[2:].strip())
        elif line and follows and blocks[-1].kind == "text":
            blocks[-1].lines[0] += f" {line}"
        elif line:
            blocks.append(Block("text", [line]))
        follows = bool(line) and not line.startswith("## ")
    return blocks
