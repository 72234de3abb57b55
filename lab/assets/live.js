// The live page: keeps what is shown up to date. Whatever comes from outside is set as text, never as markup.
const $ = (id) => document.getElementById(id);
const h = (tag, attributes, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
  element.append(...children.map((child) => (child instanceof Node ? child : String(child))));
  return element;
};
const put = (element, text) => { if (element.textContent !== text) element.textContent = text; };
const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;
const millis = (ms) => (ms == null ? "–" : ms < 10 ? `${ms.toFixed(1)} ms` : `${ms.toFixed(0)} ms`);
const clock = (wall) => new Date(wall).toLocaleTimeString();
const formats = {
  percent: (ratio) => (ratio == null ? "–" : `${(ratio * 100).toFixed(1)} %`),
  ms: millis,
  state: (up, node) => (!up ? "down" : node.routed === false ? "up, not routed to" : "up"),
};

let news = null;

// Rows stand in the order of the list; a cell names its value by its path.
const fill = (rows, list) => rows.forEach((row, index) => {
  const item = list[index];
  if (!item) return;
  for (const cell of row.querySelectorAll("[data-k]")) {
    const value = cell.dataset.k.split(".").reduce((from, key) => from && from[key], item);
    put(cell, cell.dataset.f ? formats[cell.dataset.f](value, item) : String(value));
    if (cell.dataset.f === "state") cell.className = !item.up ? "down" : item.routed === false ? "away" : "";
  }
});

const popOf = (spot) => (news.nodes.find((node) => node.name === spot) || { pop: spot }).pop;
const kindOf = (link) => (link.cut ? "cut" : link.rtt_ms > link.planned_ms ? "slow" : "");

const showMap = () => {
  // The worst link between two ends decides how their line looks.
  const between = new Map();
  for (const link of news.links) {
    const key = `${popOf(link.from)}>${popOf(link.to)}`;
    if (between.get(key) !== "cut") between.set(key, kindOf(link));
  }
  for (const line of document.querySelectorAll(".fetches path")) {
    line.setAttribute("class", `fetch ${between.get(`${line.dataset.from}>${line.dataset.to}`) || ""}`);
  }
  const pins = new Map([...document.querySelectorAll("[data-pop]")].map((pin) => [pin.dataset.pop, pin]));
  for (const [pop, pin] of pins) {
    const nodes = news.nodes.filter((node) => node.pop === pop);
    pin.classList.toggle("down", nodes.length > 0 && nodes.every((node) => !node.up));
  }
  const flows = [...document.querySelectorAll("[data-place]")].map((place, index) => {
    const pin = pins.get(news.routes[index]);
    const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
    const cut = between.get(`${place.dataset.place}>${news.routes[index]}`);
    if (pin) {
      const [ax, ay, bx, by] = [place.getAttribute("cx"), place.getAttribute("cy"), pin.dataset.x, pin.dataset.y].map(Number);
      const [cx, cy] = [(ax + bx) / 2 + (by - ay) * 0.15, (ay + by) / 2 - Math.abs(bx - ax) * 0.15];
      line.setAttribute("d", `M${ax} ${ay}Q${cx} ${cy} ${bx} ${by}`);
    }
    if (cut) line.setAttribute("class", cut);
    return line;
  });
  $("flows").replaceChildren(...flows);
};

const showLinks = () => {
  const cut = news.links.filter((link) => link.cut).length;
  put($("links"), news.links.length === 0
    ? `All ${news.links_known} links are as planned.`
    : `Of ${news.links_known} links, ${cut} are cut and ${news.links.length - cut} have another round trip than planned:`);
  const shown = news.links.slice(0, 12).map((link) => h("li", {}, link.cut
    ? `${link.from} – ${link.to}: cut (${link.cut})`
    : `${link.from} – ${link.to}: ${millis(link.rtt_ms)} instead of ${millis(link.planned_ms)}`));
  if (news.links.length > 12) shown.push(h("li", {}, `and ${news.links.length - 12} more`));
  $("changed").replaceChildren(...shown);
};

const showEvents = () => {
  const at = news.playing_ms;
  let next = at != null;
  const lines = news.events.map((event) => {
    const past = event.happened_ms != null || event.failed != null;
    let when = "";
    if (event.failed != null) when = ` – failed: ${event.failed}`;
    else if (past) when = ` – happened at ${seconds(event.happened_ms)}`;
    else if (at != null) when = ` – in ${seconds(Math.max(0, event.at_ms - at))}`;
    const line = h("li", { class: past ? "past" : next ? "next" : "" }, h("span", { class: "at" }, seconds(event.at_ms)), ` ${event.label}${when}`);
    if (!past) next = false;
    return line;
  });
  $("events").replaceChildren(...lines);
  $("diary").replaceChildren(...news.diary.map((entry) => h("li", {}, h("span", { class: "at" }, clock(entry.wall_ms)), ` ${entry.what}`)));
};

const show = () => {
  fill(document.querySelectorAll("[data-region]"), news.regions);
  fill(document.querySelectorAll("[data-node]"), news.nodes);
  put($("origin"), news.origin.up ? "up" : "down");
  $("origin").className = news.origin.up ? "" : "state-down";
  put($("origin-now"), String(news.origin.now));
  put($("origin-all"), String(news.origin.all));
  showLinks();
  showMap();
  showEvents();
  const playing = news.playing_ms != null;
  $("play").hidden = playing;
  $("stop").hidden = !playing;
  const left = news.left_out ? `, ${news.left_out} requests left out: this machine is too busy` : "";
  put($("state"), `${clock(news.wall_ms)}. ${playing ? `The scenario plays: ${seconds(news.playing_ms)} of ${seconds(news.duration_ms)}${left}.` : "The scenario is not being played; the CDN answers whoever asks."}`);
  $("state").classList.remove("bad");
  showQuestion();
  document.body.dataset.seq = news.seq;
};

// A tab that nobody sees gives its connection back: a browser has only six for one address.
let source = null;
const listen = () => {
  if (document.hidden) {
    if (source) source.close();
    source = null;
  } else if (!source) {
    source = new EventSource("/events");
    source.onmessage = (event) => { news = JSON.parse(event.data); show(); };
    source.onerror = () => { put($("state"), "The connection is lost; trying again."); $("state").classList.add("bad"); };
  }
};
document.addEventListener("visibilitychange", listen);

const projector = (on) => {
  document.documentElement.toggleAttribute("data-projector", on);
  $("projector").setAttribute("aria-pressed", String(on));
};
$("projector").addEventListener("click", () => {
  const on = !document.documentElement.hasAttribute("data-projector");
  projector(on);
  history.replaceState(null, "", on ? "?projector" : location.pathname);
});
projector(new URLSearchParams(location.search).has("projector"));
