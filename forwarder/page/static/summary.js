// The first screen: one sentence, who this is, and the figures that one looks for first.

import { byId, el, show, reveal } from "./dom.js";
import { ago, count, plural, span, sum } from "./words.js";

function sentence(state) {
  const radio = state.radio, links = state.links || [];
  const up = links.filter((link) => link.state === "up").length;
  if (radio.state === "starting") return "The radio is starting" + (radio.trouble ? `: ${radio.trouble}` : ".");
  if (radio.state !== "up") return `The radio is down: ${radio.trouble || "it is being restarted"}.`;
  if (radio.hearing && radio.hearing.silent) return "The radio is up, and nothing has been heard for unusually long.";
  if (!links.length) return "Receiving. No server is configured.";
  if (up === 0) return "Receiving, but no server can be reached.";
  if (up < links.length) return `Receiving, but ${plural(links.length - up, "server")} of ${links.length} cannot be reached.`;
  if (state.downlinks && state.downlinks.silence) return "Receiving. Nothing will be sent.";
  return links.length === 1 ? "All is well. The server is connected." : `All is well. All ${links.length} servers are connected.`;
}

const figure = (name, value, note) => el("div", {}, el("dt", {}, name), el("dd", {}, value, note ? el("span", { class: "note" }, note) : ""));

function figures(state, frames) {
  const radio = state.radio, links = state.links || [];
  const last = frames.find((frame) => frame.way === "up" && !frame.ghost);
  const radioNote = [radio.model, radio.temperature_c === null ? "" : `${radio.temperature_c.toFixed(0)} °C`].filter(Boolean).join(", ");
  const bad = radio.rx_bad ? `${count(radio.rx_bad)} damaged` : "";
  const down = Object.values((state.downlinks && state.downlinks.links) || {});
  const refused = down.reduce((all, link) => all + sum(link.refused), 0);
  const lost = down.reduce((all, link) => all + sum(link.lost), 0);
  const waiting = links.reduce((all, link) => all + ((link.outage && link.outage.waiting) || 0), 0);
  const sentNote = [refused ? `${count(refused)} refused` : "", lost ? `${count(lost)} lost` : ""].filter(Boolean).join(", ") || "none refused";
  return [
    figure("Radio", radio.state, radioNote),
    figure("Servers", links.length ? `${links.filter((link) => link.state === "up").length} of ${links.length}` : "none", waiting ? `${plural(waiting, "frame")} wait` : "connected"),
    figure("Received", count(radio.rx_total), [last ? `last ${ago(last.at_ms)}` : "none yet", bad].filter(Boolean).join(", ")),
    figure("Sent", count(radio.tx_ok), sentNote),
    figure("Running", span(state.uptime_s), radio.session > 1 ? `radio started ${radio.session} times` : "since its start"),
  ];
}

export function renderSummary(state, frames) {
  const text = sentence(state);
  if (byId("sentence").textContent !== text) byId("sentence").textContent = text;
  const place = [state.eui ? `EUI ${state.eui}` : "", state.board ? `board ${state.board}` : "", state.region || ""];
  show("identity", [place.filter(Boolean).join(" · ")]);
  show("figures", figures(state, frames));
  document.title = `${text.split(/[.:,]/)[0]} · ${state.eui || "gateway"}`;
  show("about", [`Edgemast ${state.version}, configuration ${state.config}`]);
  renderWarnings(state);
}

function renderWarnings(state) {
  const found = [...(state.warnings || [])];
  if (state.downlinks && state.downlinks.silence) found.unshift(`Nothing is sent: ${state.downlinks.silence}`);
  if (state.radio.rx_dropped) found.push(`${plural(state.radio.rx_dropped, "frame")} came faster than this machine could take them.`);
  if (state.radio.rx_very_close) found.push("A device is very close to the antenna: one frame came on several channels at once.");
  if (state.spool && state.spool.trouble) found.push(`Uplinks are kept in memory only: ${state.spool.trouble}`);
  for (const gap of (state.spool && state.spool.gaps) || []) found.push(gap);
  for (const link of state.links || []) {
    for (const [which, days] of Object.entries(link.certificate_days || {})) {
      if (days !== null && days < 30) found.push(`${link.name}: the certificate (${which}) ${days < 0 ? "has expired" : `expires in ${Math.floor(days)} days`}.`);
    }
  }
  reveal("warnings", found.length > 0);
  show("warnings-list", found.map((text) => el("li", {}, text)));
}
