/* Text whose colour is too near to that of its background (WCAG 1.4.3), and fields and buttons whose
 * edge is (1.4.11), as they are painted now. */
() => {
    const parts = (colour) => colour.match(/[\d.]+/g).map(Number);
    const light = ([red, green, blue]) => [red, green, blue].reduce((sum, part, at) => {
        const share = part / 255;
        const linear = share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
        return sum + linear * [0.2126, 0.7152, 0.0722][at];
    }, 0);
    const behind = (node) => {
        for (let on = node; on; on = on.parentElement) {
            const [red, green, blue, alpha = 1] = parts(getComputedStyle(on).backgroundColor);
            if (alpha > 0.99) return [red, green, blue];
        }
        return matchMedia("(prefers-color-scheme: dark)").matches ? [19, 20, 22] : [255, 255, 255];
    };
    const between = (one, other) => {
        const [high, low] = [light(one), light(other)].sort((a, b) => b - a);
        return (high + 0.05) / (low + 0.05);
    };
    const faults = new Set();
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let text = walker.nextNode(); text; text = walker.nextNode()) {
        const node = text.parentElement;
        if (!text.data.trim() || node.closest("svg, :disabled") || !node.checkVisibility()) continue;
        const style = getComputedStyle(node), size = parseFloat(style.fontSize);
        const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
        if (between(parts(style.color), behind(node)) < (large ? 3 : 4.5))
            faults.add(`${style.color} on ${behind(node)}: ${text.data.trim().slice(0, 50)}`);
    }
    const edged = "input:not([type=hidden], [type=checkbox], [type=radio]), select, textarea,"
        + ".jari-button:not(.text), .jari-slots :is(button, a)";
    for (const node of document.querySelectorAll(edged)) {
        if (node.matches(":disabled") || !node.checkVisibility()) continue;
        const style = getComputedStyle(node), around = behind(node.parentElement);
        const edge = style.borderTopStyle === "none" ? behind(node) : parts(style.borderTopColor);
        if (Math.max(between(edge, around), between(behind(node), around)) < 3)
            faults.add(`edge ${edge} on ${around}: ${node.localName} ${node.textContent.trim()}`);
    }
    return [...faults];
}
