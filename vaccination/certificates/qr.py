"""QR codes of addresses as SVG, without inline style (the pages' content security policy)."""

import segno

# Light modules around the code; ISO/IEC 18004 asks for four, the card of the page adds the rest.
_BORDER = 2


def qr_svg(text: str) -> str:
    matrix = list(segno.make_qr(text, error="m").matrix)
    # One stroke of a module's height for each dark module.
    path = "".join(
        f"M{x + _BORDER} {y + _BORDER}.5h1"
        for y, row in enumerate(matrix)
        for x, module in enumerate(row)
        if module
    )
    size = len(matrix) + 2 * _BORDER
    return f'<svg viewBox="0 0 {size} {size}"><path stroke="#000" d="{path}"/></svg>'
