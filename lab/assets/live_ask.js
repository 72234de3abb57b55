
// Requests, orders, and guesses before both.
const OUTCOMES = [["hit", "hit: the nearest cache has it"], ["stale", "stale: the nearest cache has an old one"], ["miss", "miss: it has to ask further"], ["error", "error"]];
const score = { right: 0, of: 0 };

const say = (words, bad) => { $("said").classList.toggle("bad", Boolean(bad)); put($("said"), words); };

const post = async (path) => {
  const token = $("token").value;
  const answer = await fetch(path, { method: "POST", headers: token ? { Authorization: `Bearer ${token}` } : {} });
  const body = await answer.json();
  if (!answer.ok) {
    if (answer.status === 401) { $("locked").hidden = false; $("token").focus(); }
    throw new Error(body.error);
  }
  return body;
};
const order = async (path) => {
  const { done } = await post(path);
  say(done.join("; ") || "done");
};

const judge = (right) => {
  score.of += 1;
  if (right) score.right += 1;
  put($("score"), `Score: ${score.right} of ${score.of} guesses right.`);
};
const verdict = (right, words) => h("p", { class: right ? "verdict-right" : "verdict-wrong" }, `${right ? "✔ Right" : "✘ Not so"}: ${words}`);

const heading = (way) => {
  const from = way.node ? `from ${way.node}` : "from nobody";
  const what = way.status == null ? `no answer (${way.failure})` : `${way.status} ${from}: ${way.outcome}`;
  return `${way.place}, ${way.path}: ${what}, ${millis(way.total_ms)}`;
};

const wayOf = (way) => {
  const longest = Math.max(...way.legs.map((leg) => leg.ms), 0.001);
  const legs = way.legs.map((leg) => {
    const bar = h("span", {});
    bar.style.width = `${(leg.ms / longest) * 100}%`;
    return h("li", {}, h("span", {}, leg.what), h("span", { class: `track k-${leg.kind}`, "aria-hidden": "true" }, bar), h("span", { class: "ms" }, millis(leg.ms), leg.measured ? "" : " *"));
  });
  const parts = [h("h3", {}, heading(way)), h("ol", { class: "legs", "aria-label": "Time on each hop" }, ...legs)];
  if (way.legs.some((leg) => !leg.measured)) parts.push(h("p", { class: "note" }, "* by the model of the network, since a node on the way could not tell (any more); everything else is measured."));
  if (way.caches.length) parts.push(h("p", {}, "Cache-Status, from the nearest cache on:"), h("ol", { class: "caches" }, ...way.caches.map((said) => h("li", {}, h("code", {}, said)))));
  if (way.age != null) parts.push(h("p", {}, "Age: ", h("code", {}, way.age), " s"));
  const rows = way.headers.map(([name, value]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, value)));
  if (rows.length) parts.push(h("details", {}, h("summary", {}, `All ${rows.length} header fields, ${way.bytes} bytes of body`), h("table", {}, h("tbody", {}, ...rows))));
  return h("div", { class: "way" }, ...parts);
};

const send = () => post(`/lab/ask?${new URLSearchParams({ from: $("from").value, path: $("path").value })}`);

// Asks what will happen, then lets it happen and shows what did. `first` is an order that comes before the request.
const guess = (question, first) => {
  const pops = [...document.querySelectorAll(".pin.pop")].map((pin) => pin.dataset.pop);
  const select = h("select", { id: "guess-pop" }, ...(pops.length ? pops : ["origin"]).concat("nobody").map((pop) => h("option", { value: pop }, pop)));
  const radios = OUTCOMES.map(([value, words], index) => {
    const radio = h("input", { type: "radio", name: "outcome", value });
    radio.checked = index === 0;
    return h("label", { class: "tick" }, radio, ` ${words}`);
  });
  const form = h("form", {}, h("fieldset", {}, h("legend", {}, question), h("div", { class: "choices" }, ...radios), h("p", {}, h("label", {}, "answered by ", select))), h("button", { type: "submit" }, "Show me"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const outcome = form.querySelector("input:checked").value;
    const pop = select.value;
    busy(form, async () => {
      if (first) await order(first);
      const way = await send();
      const [real, by] = [way.outcome, way.outcome === "error" ? "nobody" : way.pop || "origin"];
      const answers = [verdict(outcome === real, `you said ${outcome}, it was: ${real}.`), verdict(pop === by, `you said ${pop}, it was: ${by}.`)];
      judge(outcome === real);
      judge(pop === by);
      $("guess").hidden = true;
      $("way").replaceChildren(...answers, wayOf(way));
      $("way").focus();
    });
  });
  $("guess").replaceChildren(form);
  $("guess").hidden = false;
  form.querySelector("input").focus();
};

// Nothing is sent twice while an answer is on its way; what goes wrong is said.
const busy = async (around, work) => {
  const buttons = [...around.querySelectorAll("button")];
  buttons.forEach((button) => { button.disabled = true; });
  try { await work(); } catch (error) { say(error.message, true); }
  buttons.forEach((button) => { button.disabled = false; });
};

$("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  if ($("predict").checked) {
    guess(`A client in ${$("from").value} asks for ${$("path").value}. What comes?`);
    return;
  }
  busy($("ask"), async () => {
    const way = await send();
    $("way").replaceChildren(wayOf(way));
    say(heading(way));
  });
});

const orderOf = {
  cut: () => `cut?${new URLSearchParams({ between: `${$("cut-a").value},${$("cut-b").value}`, how: "reset" })}`,
  heal: () => "heal",
  kill: () => `kill?${new URLSearchParams({ node: $("victim").value, for: `${$("down").value}s` })}`,
  restart: () => `restart?${new URLSearchParams({ node: $("victim").value })}`,
  ill: () => `origin?${$("ill").value}`,
  well: () => "origin",
  purge: () => {
    const [what, name] = [$("purge-what").value, $("purge-name").value];
    if (what === "all") return "purge?all=true";
    const mode = what === "url" && $("soft").checked ? { mode: "soft" } : {};
    return `purge?${new URLSearchParams({ [what]: name, ...mode })}`;
  },
};
for (const button of document.querySelectorAll("[data-order]")) {
  button.addEventListener("click", () => {
    const path = `/lab/${orderOf[button.dataset.order]()}`;
    if ($("predict").checked) {
      guess(`First: ${button.textContent.toLowerCase()}. Then a client in ${$("from").value} asks for ${$("path").value}. What comes?`, path);
    } else {
      busy($("orders"), () => order(path));
    }
  });
}
for (const id of ["play", "stop"]) {
  $(id).addEventListener("click", () => busy($(id).parentElement, () => order(`/lab/${id}`)));
}

// The scenario's own questions: open until their event, answered by a real request after it.
const guesses = new Map();
let posed = "";
const showQuestion = () => {
  const at = news.playing_ms;
  const key = (index) => `${news.round}/${index}`;
  // Those that were revealed count once, if there was a guess.
  news.questions.forEach((question, index) => {
    const mine = guesses.get(key(index));
    if (mine && !mine.counted && question.answer != null) {
      mine.counted = true;
      judge(mine.choice === question.answer);
    }
  });
  const next = at == null ? -1 : news.questions.findIndex((question) => question.answer == null);
  const last = news.questions.findLastIndex((question) => question.answer != null);
  if (next < 0 && last < 0) return;
  const question = news.questions[next];
  const open = Boolean(question) && at < question.at_ms;
  const [mine, before] = [guesses.get(key(next)), guesses.get(key(last))];
  const stage = [key(next), open, mine && mine.choice, last].join();
  if ($("left") && open) put($("left"), seconds(question.at_ms - at));
  // Built again only when it changes, so that focus and screen readers stay where they are.
  if (stage === posed) return;
  posed = stage;
  const focused = document.activeElement && document.activeElement.dataset.choice;
  const parts = [];
  if (last >= 0) {
    const { question: asked, answer, journey } = news.questions[last];
    const words = before ? verdict(before.choice === answer, `you said ${before.choice}, it was: ${answer}.`) : h("p", {}, `It was: ${answer}.`);
    parts.push(h("div", { class: "posed revealed" }, h("p", {}, asked), words, h("details", {}, h("summary", {}, "The request that shows it"), wayOf(journey))));
  }
  const choices = (question ? question.choices : []).map((choice) => {
    const button = h("button", { type: "button", "data-choice": choice, "aria-pressed": String(Boolean(mine) && mine.choice === choice) }, choice);
    button.disabled = !open;
    button.addEventListener("click", () => { guesses.set(key(next), { choice, counted: false }); showQuestion(); });
    return button;
  });
  if (question) {
    const note = open
      ? h("p", { class: "note" }, "You have ", h("span", { id: "left", "aria-live": "off" }, seconds(question.at_ms - at)), ` until it happens. A real request from ${question.place} for ${question.path} answers at ${seconds(question.reveal_ms)}.`)
      : h("p", {}, "It has happened. Wait for the answer…");
    parts.push(h("div", { class: "posed" }, h("fieldset", {}, h("legend", {}, question.question), h("div", { class: "choices" }, ...choices)), note));
  }
  $("question").replaceChildren(...parts);
  if (focused) {
    const again = choices.find((button) => button.dataset.choice === focused);
    if (again) again.focus();
  }
};

listen();
