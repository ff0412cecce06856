// Makes elements, and changes what is there into what should be there without losing focus, open
// details or the place that somebody has scrolled to.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(3)) {
    if (child !== null && child !== undefined && child !== false && child !== "") node.append(child);
  }
  return node;
}

export const el = (name, attributes, ...children) => fill(document.createElement(name), attributes, children);
export const svg = (name, attributes, ...children) => fill(document.createElementNS(SVG, name), attributes, children);
export const byId = (id) => document.getElementById(id);

export function show(id, fresh) {
  const node = byId(id);
  const wrapped = node.cloneNode(false);
  for (const child of [fresh].flat(3)) if (child) wrapped.append(child);
  patch(node, wrapped);
}

export const reveal = (id, visible) => { byId(id).hidden = !visible; };

function patch(old, fresh) {
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && name !== "open" && name !== "hidden") old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  const wanted = [...fresh.childNodes];
  wanted.forEach((node, index) => {
    const there = old.childNodes[index];
    if (!there) old.append(node);
    else if (there.nodeType !== node.nodeType || there.nodeName !== node.nodeName) there.replaceWith(node);
    else if (node.nodeType === Node.TEXT_NODE) { if (there.data !== node.data) there.data = node.data; }
    else patch(there, node);
  });
  while (old.childNodes.length > wanted.length) old.lastChild.remove();
}

// A table; `columns` are {title, n, cell(row), label}. On a narrow screen its rows become blocks, so
// the roles that browsers would forget then are said.
export function table(caption, columns, rows, stack = true) {
  const cell = (column, row) => el("td", { role: "cell", class: column.kind, "data-label": column.label }, column.cell(row));
  return el("table", { class: stack ? "stack" : null, role: "table" },
    el("caption", {}, caption),
    el("thead", { role: "rowgroup" }, el("tr", { role: "row" },
      columns.map((column) => el("th", { role: "columnheader", scope: "col", class: column.kind }, column.title)))),
    el("tbody", { role: "rowgroup" }, rows.map((row) =>
      el("tr", { role: "row" }, columns.map((column) => cell(column, row))))));
}

export const facts = (pairs) => el("dl", { class: "facts" }, pairs.filter((pair) => pair && pair[1] !== null && pair[1] !== "" && pair[1] !== undefined)
  .map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));

export const badge = (text, kind) => el("span", { class: `badge ${kind || ""}`.trim() }, text);
