/* What a reader would call broken on a page, as it is laid out now: a list of sentences.
 * `large` doubles the letters, as a reader's own setting does, and puts them back after looking;
 * `stops` also looks at each stop of the keyboard. */
({ large, stops }) => {
    const root = document.documentElement, faults = new Set(), known = new WeakMap();
    root.style.fontSize = large ? `${2 * parseFloat(getComputedStyle(root).fontSize)}px` : "";

    // How a node is shown: not at all, over the page (stuck), or within a box that scrolls.
    const shownAs = (node) => {
        if (!node || node === root) return { stuck: null, scrolls: null };
        if (!known.has(node)) {
            const style = getComputedStyle(node), above = shownAs(node.parentElement);
            const gone = !node.checkVisibility({ visibilityProperty: true, opacityProperty: true })
                || style.clipPath !== "none" || node.matches("svg, .jari-skip, option");
            known.set(node, {
                gone: above.gone || gone,
                stuck: ["sticky", "fixed"].includes(style.position) ? node : above.stuck,
                scrolls: /auto|scroll/.test(style.overflowX) ? node : above.scrolls,
            });
        }
        return known.get(node);
    };
    const called = (node) =>
        `${node.localName} "${node.textContent.trim().replace(/\s+/g, " ").slice(0, 50)}"`;

    // A number with hyphens or a day and its particle, which only large letters may part; and a word
    // of a language that parts none, if it is no longer than the words that have room.
    const together = /[0-9A-Z*]{2,}(?:-[0-9A-Z*]{2,})+|\)\u2060?[가-힣]+/g, word = /[\p{L}\p{M}/]+/gu;
    const parted = (text, { 0: { length }, index }) => {
        const part = document.createRange();
        part.setStart(text, index);
        part.setEnd(text, index + length);
        return new Set([...part.getClientRects()].map((box) => Math.round(box.top))).size > 1;
    };
    const isChinese = (node) => node.closest("[lang]")?.lang.startsWith("zh");
    const partedIn = (text, node) => [
        ...(large ? [] : text.data.matchAll(together)),
        ...[...(isChinese(node) ? [] : text.data.matchAll(word))].filter(([found]) => found.length <= 12),
    ].filter((found) => parted(text, found));

    // Each line of text with its box; what a scrolling box hides is left out.
    const lines = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let text = walker.nextNode(); text; text = walker.nextNode()) {
        const node = text.parentElement, { gone, stuck, scrolls } = shownAs(node);
        if (gone || !text.data.trim()) continue;
        if (!stuck && !node.closest(".jari-mono"))
            for (const [found] of partedIn(text, node)) faults.add(`is parted: ${found}`);
        const range = document.createRange(), frame = scrolls?.getBoundingClientRect();
        range.selectNodeContents(text);
        for (const box of range.getClientRects()) {
            if (box.width < 2 || (frame && (box.left > frame.right || box.right < frame.left))) continue;
            // Boxes of lines are higher than their letters.
            const quarter = box.height / 4;
            lines.push({ text, node, stuck, scrolls, left: box.left, right: box.right,
                top: box.top + quarter, bottom: box.bottom - quarter });
        }
    }

    if (root.scrollWidth > innerWidth) faults.add(`scrolls sideways to ${root.scrollWidth}`);
    lines.sort((one, other) => one.top - other.top);
    lines.forEach((line, at) => {
        if (!line.scrolls && (line.left < -1 || line.right > innerWidth + 1))
            faults.add(`leaves the screen: ${called(line.node)}`);
        for (let next = at + 1; next < lines.length && lines[next].top < line.bottom - 1; next += 1) {
            const other = lines[next];
            if (other.text !== line.text && other.stuck === line.stuck
                && other.left < line.right - 2 && other.right > line.left + 2)
                faults.add(`${called(other.node)} lies over ${called(line.node)}`);
        }
    });

    for (const node of document.querySelectorAll("body *")) {
        const { gone, scrolls } = shownAs(node);
        const boxed = scrolls && node.localName !== "textarea";
        if (gone || boxed || !node.clientWidth || node.closest("svg")) continue;
        const style = getComputedStyle(node);
        const cuts = style.overflowY === "hidden" || node.localName === "textarea";
        if (cuts && node.scrollHeight > node.clientHeight + 1)
            faults.add(`is cut off: ${called(node)}`);
        const speaks = [...node.childNodes].some((each) => each.nodeType === 3 && each.data.trim());
        if (speaks && node.scrollWidth > node.clientWidth + 1)
            faults.add(`sticks out of its box: ${called(node)}`);
    }

    // What sticks to an edge leaves room to read, and the heading in sight.
    const stuck = new Set(lines.map((line) => line.stuck).filter(Boolean));
    const heading = [...document.querySelectorAll("h1")].find((node) => !shownAs(node).gone);
    for (const node of stuck) {
        const box = node.getBoundingClientRect(), of = heading?.getBoundingClientRect();
        if (box.height > innerHeight * 0.4) faults.add(`takes the screen: ${called(node)}`);
        if (of && !node.contains(heading) && box.top < of.bottom && box.bottom > of.top)
            faults.add(`lies over the heading: ${called(node)}`);
    }

    // Whoever tabs to something sees it, with its mark: nothing stuck lies over it.
    const pressable = "main :is(a[href], button, input, select, summary)";
    for (const node of stops ? document.querySelectorAll(pressable) : []) {
        if (shownAs(node).gone || node.disabled || node.type === "hidden") continue;
        node.focus();
        if (document.activeElement !== node) continue;
        const box = node.getBoundingClientRect(), style = getComputedStyle(node);
        // Chromium moves a row that scrolls only for what shows less than 32 px of itself.
        const frame = shownAs(node).scrolls?.getBoundingClientRect();
        const left = Math.max(box.left, frame?.left ?? 0, 0);
        const right = Math.min(box.right, frame?.right ?? innerWidth, innerWidth);
        const on = document.elementFromPoint((left + right) / 2, (box.top + box.bottom) / 2);
        if (!on || !(node.contains(on) || on.contains(node)))
            faults.add(`has the focus out of sight: ${called(node)}, behind ${on && called(on)},`
                + ` ${Math.round(box.left)}-${Math.round(box.right)}, ${Math.round(box.top)}`);
        if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2)
            faults.add(`does not show its focus: ${called(node)}`);
    }
    if (stops) {
        document.activeElement.blur();
        scrollTo(0, 0);
    }
    root.style.fontSize = "";
    return [...faults];
}
