// What the page does beyond being read: sorting, a theme switch, and charts that can be asked, narrowed and zoomed.
// Nothing here is needed to read the report, and nothing here asks for anything from anywhere.
"use strict";

(() => {
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };

  // ---- theme -------------------------------------------------------------------------------------------------------
  const dark = () => document.documentElement.dataset.theme
    ? document.documentElement.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  const contents = document.querySelector("nav.contents ul");
  if (contents) {
    const theme = make("button", { type: "button", class: "theme" });
    const name = () => { theme.textContent = dark() ? "Light" : "Dark"; };
    theme.addEventListener("click", () => { document.documentElement.dataset.theme = dark() ? "light" : "dark"; name(); });
    name();
    contents.append(make("li", { style: "margin-left:auto" }, theme));
  }

  // ---- definitions: Escape closes one that is in the way (WCAG 1.4.13) ----------------------------------------------
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const term of document.querySelectorAll(".term:hover, .term:focus")) term.classList.add("closed");
  });
  for (const name of ["pointerout", "focusout"]) {
    document.addEventListener(name, (event) => event.target.closest?.(".term")?.classList.remove("closed"));
  }
  // A definition at the right edge opens to the left.
  const keepInside = (event) => {
    const tip = event.target.closest?.(".term")?.querySelector(":scope > .tip");
    if (!tip) return;
    tip.style.left = "";
    const over = tip.getBoundingClientRect().right - document.documentElement.clientWidth + 8;
    if (over > 0) tip.style.left = `${-over}px`;
  };
  document.addEventListener("pointerover", keepInside);
  document.addEventListener("focusin", keepInside);

  // ---- tables ------------------------------------------------------------------------------------------------------
  for (const table of document.querySelectorAll("table.sortable")) {
    const headings = [...table.tHead.rows[0].cells];
    headings.forEach((heading, column) => {
      if (!heading.textContent.trim()) return;
      const button = make("button", { type: "button" });
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => sort(table, headings, column));
    });
  }

  function sort(table, headings, column) {
    const heading = headings[column];
    const number = heading.classList.contains("num");
    const now = heading.getAttribute("aria-sort");
    // Numbers begin with the largest, words with the first.
    const descending = now ? now === "ascending" : number;
    for (const other of headings) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const value = (row) => {
      const cell = row.cells[column];
      if (!number) return cell.textContent.trim();
      const text = cell.dataset.sort ?? cell.textContent.replace(/[^0-9.eE+-]/g, "");
      return text === "" ? null : Number(text);
    };
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [value(row), row]);
    const sign = descending ? -1 : 1;
    rows.sort(([a], [b]) => {
      if (a === null || b === null) return (a === null) - (b === null);
      return sign * (number ? a - b : a.localeCompare(b, "en", { numeric: true }));
    });
    body.append(...rows.map(([, row]) => row));
  }

  // ---- values as people read them ----------------------------------------------------------------------------------
  const digits = (value, of) => value.toLocaleString("en", { maximumFractionDigits: of });
  function show(value, unit) {
    if (value === null || value === undefined) return "n/a";
    if (unit === "ratio") return `${digits(value * 100, 2)} %`;
    if (unit === "seconds") {
      if (value === 0) return "0";
      if (value < 0.001) return `${digits(value * 1e6, 1)} µs`;
      if (value < 1) return `${digits(value * 1e3, 1)} ms`;
      return value < 120 ? `${digits(value, 2)} s` : `${Math.floor(value / 60)} min ${Math.round(value % 60)} s`;
    }
    if (unit === "bytes") {
      const power = Math.min(4, Math.floor(Math.log2(Math.max(1, value)) / 10));
      return `${digits(value / 1024 ** power, 1)} ${["B", "KiB", "MiB", "GiB", "TiB"][power]}`;
    }
    return digits(value, 2);
  }

  function ticks(axis) {
    if (axis.log) {
      const out = [];
      for (let tick = axis.from; tick <= axis.to * 1.0001; tick *= 10) out.push(tick);
      return out;
    }
    const rough = (axis.to - axis.from) / 4;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 2.5, 5, 10].map((n) => n * power).find((n) => n >= rough) ?? rough;
    const out = [];
    for (let n = Math.ceil(axis.from / step); n * step <= axis.to * 1.000001; n++) out.push(n * step);
    return out;
  }

  const share = (axis, value) => axis.log
    ? Math.log(Math.max(value, axis.from) / axis.from) / Math.log(axis.to / axis.from)
    : (value - axis.from) / (axis.to - axis.from);
  const value = (axis, place) => axis.log
    ? axis.from * (axis.to / axis.from) ** place
    : axis.from + place * (axis.to - axis.from);

  // ---- charts ------------------------------------------------------------------------------------------------------
  // Charts over time are zoomed together, so that what is seen in one can be looked up in the others.
  const charts = [...document.querySelectorAll("figure.chart")].map(chart).filter(Boolean);

  function chart(figure) {
    const source = figure.querySelector("script[type='application/json']");
    if (!source) return null;
    const data = JSON.parse(source.textContent);
    const plot = figure.querySelector(".plot");
    const paths = [...figure.querySelectorAll("path.line, path.area")];
    const bands = [...figure.querySelectorAll("path.band")];
    const scale = figure.querySelector(".xs");
    const shown = data.lines.map(() => true);
    const whole = { ...data.x };
    const timed = !data.lines.some((line) => line.x);
    // Parts of wholes are drawn as shares, neighbouring steps together.
    for (const line of data.lines) {
      if (!line.n) continue;
      const shares = [];
      for (let from = 0; from < line.y.length; from += data.merge) {
        const sum = (list) => list.slice(from, from + data.merge).reduce((sum, one) => sum + one, 0);
        shares.push(sum(line.n) ? sum(line.y) / sum(line.n) : null);
      }
      line.y = shares;
    }
    const at = (line, index) => line.x ? line.x[index] : (index + 0.5) * data.step * data.merge;
    // Where times lie along the x axis, the lines share their heights: shares of answers.
    const turned = !timed && data.x.unit === "seconds";
    const self = { timed, zoom, whole };

    const xy = (line, index, y) =>
      `${(share(data.x, at(line, index)) * 1000).toFixed(1)} ${((1 - Math.min(1, Math.max(0, share(data.y, y)))) * 1000).toFixed(1)}`;

    function draw() {
      let below = [];
      data.lines.forEach((line, number) => {
        const path = paths[number];
        path.style.display = shown[number] ? "" : "none";
        if (!shown[number]) return;
        let d = "";
        if (data.stacked) {
          const above = line.y.map((y, index) => (below[index] ?? 0) + (y ?? 0));
          above.forEach((y, index) => { d += (index ? "L" : "M") + xy(line, index, y); });
          for (let index = above.length - 1; index >= 0; index--) d += "L" + xy(line, index, below[index] ?? 0);
          d += "Z";
          below = above;
        } else {
          let drawing = false;
          line.y.forEach((y, index) => {
            if (y === null) { drawing = false; return; }
            d += (drawing ? "L" : "M") + xy(line, index, y) + (drawing ? "" : "h.1");
            drawing = true;
          });
        }
        path.setAttribute("d", d);
      });
      if (timed) scale.replaceChildren(...ticks(data.x).map((tick) =>
        make("span", { style: `left:${share(data.x, tick) * 100}%` }, show(tick, data.x.unit).replace(" ", "\u00a0"))));
      for (const mark of plot.querySelectorAll(".mark")) {
        const place = share(data.x, Number(mark.dataset.at));
        mark.style.left = `${place * 100}%`;
        mark.hidden = place < 0 || place > 1;
      }
    }

    function zoom(from, to) {
      if (!(to > from)) return;
      data.x = { ...whole, from: Math.max(whole.from, from), to: Math.min(whole.to, to) };
      hide();
      draw();
    }
    const zoomAll = (from, to) => {
      for (const other of timed ? charts.filter((one) => one.timed) : [self]) other.zoom(from, to);
    };

    // Legend: each entry shows and hides its series.
    figure.querySelectorAll(".legend > li[data-line]").forEach((item) => {
      const number = Number(item.dataset.line);
      const button = make("button", { type: "button", "aria-pressed": "true" });
      button.append(...item.childNodes);
      button.addEventListener("click", () => {
        shown[number] = !shown[number];
        button.setAttribute("aria-pressed", String(shown[number]));
        if (bands[number]) bands[number].style.display = shown[number] ? "" : "none";
        draw();
      });
      item.append(button);
    });

    // The cursor: by pointer, or by arrow keys when the plot has the focus.
    const cursor = make("div", { class: "cursor" });
    const readout = make("div", { class: "readout", "aria-live": "polite" });
    cursor.hidden = readout.hidden = true;
    plot.append(cursor, readout);
    plot.tabIndex = 0;
    plot.setAttribute("role", "group");
    plot.setAttribute("aria-label", `${figure.querySelector("figcaption").textContent}: arrow keys read the values`);
    let current = -1;
    const longest = data.lines.reduce((most, line) => line.y.length > most.y.length ? line : most, { y: [] });
    const xs = longest.y.map((_, index) => at(longest, index));
    const nearest = (x) => {
      let best = 0;
      xs.forEach((one, index) => { if (Math.abs(one - x) < Math.abs(xs[best] - x)) best = index; });
      return best;
    };
    function read(index) {
      if (!xs.length) return;
      current = Math.min(xs.length - 1, Math.max(0, index));
      const x = xs[current];
      const place = share(data.x, x);
      if (place < 0 || place > 1) return hide();
      const rows = data.lines.flatMap((line, number) => {
        if (!shown[number] || current >= line.y.length) return [];
        const where = turned ? `${show(line.x[current], data.x.unit)}` : show(line.y[current], data.y.unit);
        return [make("div", {}, make("span", { class: `swatch c-${line.style}` }), `${line.name}: ${where}`)];
      });
      const head = turned ? show(longest.y[current], data.y.unit) : show(Math.round(x * 1e4) / 1e4, data.x.unit);
      readout.replaceChildren(make("strong", {}, head), ...rows);
      cursor.hidden = readout.hidden = false;
      cursor.style.left = `${place * 100}%`;
      readout.style.left = place < 0.5 ? `calc(${place * 100}% + .6rem)` : "";
      readout.style.right = place < 0.5 ? "" : `calc(${(1 - place) * 100}% + .6rem)`;
    }
    function hide() { cursor.hidden = readout.hidden = true; }
    const place = (event) => {
      const box = plot.getBoundingClientRect();
      return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    };
    let began = null;
    const picked = make("div", { class: "picked" });
    plot.addEventListener("pointermove", (event) => {
      const here = place(event);
      read(nearest(value(data.x, here)));
      if (began !== null) {
        picked.style.left = `${Math.min(began, here) * 100}%`;
        picked.style.right = `${(1 - Math.max(began, here)) * 100}%`;
      }
    });
    plot.addEventListener("pointerdown", (event) => {
      if (event.pointerType === "touch" || !timed) return;
      began = place(event);
      picked.style.left = `${began * 100}%`;
      picked.style.right = `${(1 - began) * 100}%`;
      plot.append(picked);
    });
    plot.addEventListener("pointerup", (event) => {
      picked.remove();
      if (began === null) return;
      const [from, to] = [began, place(event)].sort((a, b) => a - b);
      began = null;
      if (to - from > 0.02) zoomAll(value(data.x, from), value(data.x, to));
    });
    plot.addEventListener("pointerleave", () => { picked.remove(); began = null; hide(); });
    plot.addEventListener("dblclick", () => zoomAll(whole.from, whole.to));
    plot.addEventListener("focusout", hide);
    plot.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 };
      if (event.key in steps) read(current < 0 ? 0 : current + steps[event.key]);
      else if (event.key === "Home") read(0);
      else if (event.key === "End") read(xs.length - 1);
      else if (event.key === "Escape") { hide(); zoomAll(whole.from, whole.to); }
      else return;
      event.preventDefault();
    });

    const tool = (label, title, run) => {
      const button = make("button", { type: "button", title, "aria-label": title }, label);
      button.addEventListener("click", run);
      return button;
    };
    const around = (factor) => () => {
      const middle = current >= 0 ? xs[current] : (data.x.from + data.x.to) / 2;
      const half = (data.x.to - data.x.from) * factor / 2;
      zoomAll(middle - half, middle + half);
    };
    // What is not over time has ticks and bands of its own, which stay as they are drawn.
    if (timed) {
      figure.append(make("div", { class: "tools" },
        tool("+", "Zoom in", around(0.5)), tool("−", "Zoom out", around(2)), tool("Whole", "Show the whole span", () => zoomAll(whole.from, whole.to))));
    }
    return self;
  }

  // Paper has no closed parts.
  addEventListener("beforeprint", () => { for (const part of document.querySelectorAll("details")) part.open = true; });
})();
