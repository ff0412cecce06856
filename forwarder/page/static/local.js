// Local mode, where it is configured: what it reads, where keys come from, where readings go.

import { badge, el, facts, reveal, show } from "./dom.js";
import { count, plural, reasons } from "./words.js";

const FINE = new Set(["observing", "serving", "standby", "listening", "read", "up", "connected"]);
const fault = (part) => part.fault || part.trouble || "";

function source(part) {
  const words = [part.state || "", part.news ? `${plural(part.news, "key")} brought` : ""];
  for (const server of part.servers || []) {
    words.push(`${server.server}: ${count(server.granted)} of ${count(server.requests)} granted${server.fault ? `, ${server.fault}` : ""}`);
  }
  return [words.filter(Boolean).join(", "), fault(part) ? el("span", { class: "bad" }, ` ${fault(part)}`) : ""];
}

function sink(part) {
  const words = [part.state || "", part.published ? `${count(part.published)} taken` : "", part.waiting ? `${count(part.waiting)} wait` : "", part.dropped ? `${count(part.dropped)} dropped` : ""];
  return [words.filter(Boolean).join(", "), fault(part) ? el("span", { class: "bad" }, ` ${fault(part)}`) : ""];
}

function card(part) {
  const own = (table, words) => Object.entries(table || {}).map(([name, one]) => [name, words(one)]);
  const name = part.kind === "standalone" ? "Small network server" : "Reading on site";
  return el("div", {},
    el("div", { class: "row" }, el("h3", {}, name), badge(part.state || "", FINE.has(part.state) ? "good" : "bad")),
    fault(part) ? el("p", { class: "trouble" }, fault(part)) : "",
    facts([
      part.devices !== undefined ? ["Devices", count(part.devices)] : null,
      part.sessions !== undefined ? ["Sessions", count(part.sessions)] : null,
      part.frames ? ["Frames", reasons(part.frames)] : null,
      part.published !== undefined ? ["Readings", count(part.published)] : null,
      part.held ? ["Held for a key", count(part.held)] : null,
      ...own(part.sources, source), ...own(part.sinks, sink),
    ]));
}

export function renderLocal(state) {
  const parts = state.local || [];
  reveal("local", parts.length > 0);
  show("local-body", parts.map(card));
}
