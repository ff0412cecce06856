// Numbers and times as people say them. No DOM here.

let skewMs = 0; // how far the gateway's clock is ahead of ours, where they differ for sure

export function clockIs(atIso) {
  const ahead = Date.parse(atIso) - Date.now();
  skewMs = Math.abs(ahead) > 5000 ? ahead : 0;
}

export const now = () => Date.now() + skewMs;

const two = (number) => String(number).padStart(2, "0");

export function clock(atMs) {
  const at = new Date(atMs);
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  if (Math.abs(now() - atMs) < 20 * 3600e3) return time;
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${time}`;
}

export function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

export function ago(atMs) {
  const seconds = (now() - atMs) / 1000;
  return seconds < 1.5 ? "now" : `${span(seconds)} ago`;
}

export const mhz = (hz) => (hz / 1e6).toFixed(hz % 100000 ? 3 : 1);

export function rate(words) {
  const lora = /^SF(\d+)BW(\d+)$/.exec(words || "");
  return lora ? `SF${lora[1]}${lora[2] === "125" ? "" : ` ${lora[2]} kHz`}` : words || "";
}

export function bytes(count) {
  if (count < 1000) return `${count} B`;
  if (count < 1e6) return `${(count / 1e3).toFixed(1)} kB`;
  return `${(count / 1e6).toFixed(1)} MB`;
}

export const count = (number) => Number(number || 0).toLocaleString("en").replaceAll(",", "\u202f");

export const plural = (number, one, many) => `${count(number)} ${number === 1 ? one : many || one + "s"}`;

export const sum = (table) => Object.values(table || {}).reduce((all, one) => all + one, 0);

const REASONS = { crc: "damaged (CRC)", join: "join requests", ghost: "ghosts", news: "news of keys" };

export function reasons(table) {
  const sorted = Object.entries(table || {}).sort((a, b) => b[1] - a[1]);
  const said = (why) => REASONS[why.toLowerCase()] || why.toLowerCase().replaceAll("_", " ")
    .replace(/dev addr$/, "DevAddr").replace(/net id$/, "NetID").replace(/(dev|join) eui$/, (_, kind) => (kind === "dev" ? "DevEUI" : "JoinEUI"));
  return sorted.map(([why, number]) => `${said(why)} ${count(number)}`).join(", ");
}

export function median(values) {
  const sorted = values.filter((value) => value !== null && value !== undefined).sort((a, b) => a - b);
  return sorted.length ? sorted[Math.floor(sorted.length / 2)] : null;
}
