// @ts-check
/**
 * @typedef {{key: string, title: string, verdict: string}} Entry
 * @typedef {{verdict?: string, reasons?: string[], comment?: string}} Words
 * @typedef {{text: string, files: string[]}} Example
 * @typedef {{key: string, title: string, question: string, reasons: Record<string, string>,
 *   examples: Example[], shown: string, pictures: number[], layers?: string[], said: Words, draft: Words, others: Words[]}} Item
 */

/**
 * What answers in place of a server, in a packet.
 * @type {{answer: (path: string, body?: object) => Promise<any>,
 *   picture: (key: string, number: number) => string} | undefined}
 */
const offline = /** @type {any} */ (window).offline;

/** @param {string} key @param {number} number */
const pictureOf = (key, number) => (offline ? offline.picture(key, number) : `/item/${key}/picture/${number}`);

/** @param {string} key */
const thumbnailOf = (key) => (offline ? offline.picture(key, 1) : `/item/${key}/thumbnail`);

const DRAFT_AFTER_MS = 400;
const TICK_MS = 500;

/** @type {Entry[]} */
let queue = [];
/** @type {Item | null} */
let item = null;
let seconds = 0;
let pending = "";
/** @type {number | undefined} */
let draftTimer;

/** @param {string} id @returns {any} */
const at = (id) => document.getElementById(id);

/** @param {string} path @param {object} [body] */
async function ask(path, body) {
  if (offline) return offline.answer(path, body);
  const options = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  const answer = await fetch(path, options);
  const content = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(content.problem || "The server does not answer as it should.");
  return content;
}

/** @param {() => Promise<void>} act */
async function attempt(act) {
  try {
    await act();
    at("problem").hidden = true;
  } catch (error) {
    at("problem").textContent = error instanceof TypeError ? "The server has ended." : String(error.message);
    at("problem").hidden = false;
  }
}

let busy = false;

/**
 * One act at a time: a key pressed while a rating is on its way must not rate the next item unseen.
 * @param {() => Promise<void>} act
 */
async function perform(act) {
  if (busy) return;
  busy = true;
  document.body.setAttribute("aria-busy", "true");
  await attempt(act);
  document.body.setAttribute("aria-busy", "false");
  busy = false;
}

function shown() {
  const wanted = at("filter").value;
  return queue.filter((entry) => wanted === "all"
    || (wanted === "open" && !entry.verdict)
    || (wanted === "rated" && entry.verdict)
    || entry.verdict === wanted);
}

function showProgress() {
  const rated = queue.filter((entry) => entry.verdict).length;
  at("progress").textContent = `${rated} of ${queue.length} rated`;
  at("bar").max = Math.max(queue.length, 1);
  at("bar").value = rated;
}

function showList() {
  item = null;
  at("item").hidden = true;
  const list = at("thumbnails");
  list.hidden = false;
  list.replaceChildren(...shown().map((entry, index) => {
    const button = document.createElement("button");
    button.type = "button";
    const image = document.createElement("img");
    image.loading = "lazy";
    image.alt = "";
    image.src = thumbnailOf(entry.key);
    const text = document.createElement("span");
    text.textContent = `${index + 1}. ${entry.title}: ${entry.verdict || "not yet rated"}`;
    text.dataset.verdict = entry.verdict;
    button.append(image, text);
    button.addEventListener("click", () => perform(() => open(entry.key)));
    return button;
  }));
  list.querySelector("button")?.focus();
}

/** @param {string} key */
async function open(key) {
  await keepDraft();
  const found = /** @type {Item} */ (await ask(`/item/${key}`));
  item = found;
  seconds = 0;
  pending = "";
  at("thumbnails").hidden = true;
  at("item").hidden = false;
  at("title").textContent = found.title;
  at("question").textContent = found.question;
  volumes.close();
  at("three").hidden = !found.layers?.length;
  at("pictures").className = "";
  let first = 1;
  at("pictures").replaceChildren(...found.pictures.map((frames, index) => {
    const numbers = Array.from({ length: frames }, (_, place) => first + place);
    first += frames;
    return pictureElement(key, `${found.title}, picture ${index + 1}`, numbers);
  }));
  at("pictures").scrollTop = 0;
  const begun = Object.keys(found.draft).length ? found.draft : found.said;
  const legend = at("reasons").querySelector("legend");
  at("reasons").replaceChildren(legend, ...Object.entries(found.reasons).map(([name, text], index) => {
    const label = document.createElement("label");
    const box = document.createElement("input");
    box.type = "checkbox";
    box.value = name;
    box.checked = (begun.reasons || []).includes(name);
    box.addEventListener("change", draftLater);
    const digit = document.createElement("kbd");
    digit.textContent = String(index + 1);
    const words = document.createElement("span");
    words.textContent = text;
    label.append(box, digit, words);
    return label;
  }));
  at("comment").value = begun.comment || "";
  at("change").value = "";
  at("correction").hidden = true;
  at("examples").querySelector("div").replaceChildren(...found.examples.map(exampleElement));
  showOthers(found.others);
  showVerdict(found.said.verdict || "");
  // So that the arrows down and up, Space and End scroll the pictures.
  at("pictures").focus({ preventScroll: true });
}

/** @param {string} address @param {string} alt */
function frame(address, alt) {
  const image = document.createElement("img");
  image.alt = alt;
  image.src = address;
  return image;
}

/** Frames on one place, shown in turn. @param {HTMLImageElement[]} frames @param {string} text */
function captioned(frames, text) {
  const figure = document.createElement("figure");
  const stack = document.createElement("div");
  if (frames.length > 1) stack.className = "turn";
  stack.append(...frames);
  const caption = document.createElement("figcaption");
  caption.textContent = text;
  figure.append(stack, caption);
  return figure;
}

/** @param {Example} example */
function exampleElement(example) {
  const frames = example.files.map((name) => frame(offline ? name : `/static/${name}`, `Example: ${example.text}`));
  for (const image of frames) image.loading = "lazy";
  return captioned(frames, example.text);
}

/**
 * A picture; frames of two visits side by side, and in turn.
 * @param {string} key @param {string} alt @param {number[]} numbers
 */
function pictureElement(key, alt, numbers) {
  if (numbers.length === 1) return frame(pictureOf(key, numbers[0]), alt);
  const names = numbers.length === 2 ? ["one visit", "the other visit"] : ["earlier", "later, outlined"];
  const triptych = document.createElement("div");
  triptych.className = "triptych";
  triptych.append(...[[numbers[0]], [numbers[numbers.length - 1]], numbers.slice(0, 2)].map((shown, place) => {
    const name = names[place] || "in turn";
    return captioned(shown.map((number) => frame(pictureOf(key, number), `${alt}, ${name}`)), name);
  }));
  return triptych;
}

/** @param {Words[]} others */
function showOthers(others) {
  at("others").hidden = !others.length;
  at("others").replaceChildren(...others.map((words) => {
    const line = document.createElement("p");
    const details = [...(words.reasons || []), words.comment || ""].filter(Boolean).join(", ");
    line.textContent = `A reader says: ${words.verdict}${details ? ` (${details})` : ""}`;
    return line;
  }));
}

/** @param {string} verdict */
function showVerdict(verdict) {
  for (const button of document.querySelectorAll("#verdicts button")) {
    button.setAttribute("aria-pressed", String(/** @type {HTMLElement} */ (button).dataset.verdict === verdict));
  }
}

function reasons() {
  const boxes = document.querySelectorAll("#reasons input:checked");
  return [...boxes].map((box) => /** @type {HTMLInputElement} */ (box).value);
}

function draftLater() {
  window.clearTimeout(draftTimer);
  draftTimer = window.setTimeout(() => attempt(keepDraft), DRAFT_AFTER_MS);
}

async function keepDraft() {
  if (draftTimer === undefined || !item) return;
  window.clearTimeout(draftTimer);
  draftTimer = undefined;
  await ask(`/item/${item.key}/draft`, { reasons: reasons(), comment: at("comment").value });
}

/** @param {string} verdict */
async function rate(verdict) {
  if (!item) return;
  if (item.said.verdict && !at("change").value.trim()) {
    pending = verdict;
    at("correction").hidden = false;
    at("change").focus();
    showVerdict(verdict);
    return;
  }
  window.clearTimeout(draftTimer);
  draftTimer = undefined;
  const key = item.key;
  await ask(`/item/${key}/rating`, {
    verdict,
    shown: item.shown,
    reasons: reasons(),
    comment: at("comment").value,
    seconds: Math.round(seconds * 10) / 10,
    change_reason: item.said.verdict ? at("change").value.trim() : "",
  });
  const before = shown().findIndex((entry) => entry.key === key);
  queue = await ask("/queue");
  showProgress();
  const next = nextKey(key, before);
  if (next) await open(next);
  else showList();
}

/** @param {string} key @param {number} before */
function nextKey(key, before) {
  const entries = shown();
  const here = entries.findIndex((entry) => entry.key === key);
  return entries[here < 0 ? before : here + 1]?.key;
}

/** @param {number} step */
async function move(step) {
  const entries = shown();
  const here = entries.findIndex((entry) => entry.key === item?.key);
  const next = entries[here + step];
  if (next) await open(next.key);
}

function toggleExamples() {
  if (at("examples").toggleAttribute("open")) at("examples").scrollIntoView();
}

async function look() {
  if (volumes.isOpen()) volumes.close();
  else if (item?.layers?.length) await volumes.open(item.key, item.layers);
}

/** @param {string} digit */
function toggleReason(digit) {
  const box = document.querySelectorAll("#reasons input")[Number(digit) - 1];
  if (box) /** @type {HTMLInputElement} */ (box).click();
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  const inText = event.target instanceof HTMLTextAreaElement || event.target === at("change");
  if (event.key === "Escape" && inText) /** @type {HTMLElement} */ (event.target).blur();
  if (event.key === "Enter" && event.target === at("change")) {
    event.preventDefault();
    perform(() => rate(pending));
  }
  if (inText || event.ctrlKey || event.altKey || event.metaKey || event.target instanceof HTMLSelectElement) return;
  if (event.repeat && !event.key.startsWith("Arrow")) return;
  const verdict = { p: "pass", b: "borderline", f: "fail" }[event.key.toLowerCase()];
  if (event.key.toLowerCase() === "l") perform(async () => { await keepDraft(); showList(); });
  else if (!item) return;
  else if (verdict) perform(() => rate(verdict));
  else if (event.key === "ArrowRight") perform(() => move(1));
  else if (event.key === "ArrowLeft") perform(() => move(-1));
  else if (/^[1-9]$/.test(event.key)) toggleReason(event.key);
  else if (event.key.toLowerCase() === "z") at("pictures").classList.toggle("full");
  else if (event.key.toLowerCase() === "t") at("pictures").classList.toggle("still");
  else if (event.key.toLowerCase() === "e") toggleExamples();
  else if (event.key.toLowerCase() === "v") perform(look);
  else if (event.key.toLowerCase() === "c") at("comment").focus();
  else return;
  event.preventDefault();
}

document.addEventListener("keydown", onKey);
at("comment").addEventListener("input", draftLater);
at("filter").addEventListener("change", showList);
at("list").addEventListener("click", () => perform(async () => { await keepDraft(); showList(); }));
at("look").addEventListener("click", () => perform(look));
at("close").addEventListener("click", () => perform(look));
at("pictures").addEventListener("click", () => at("pictures").classList.toggle("full"));
for (const button of document.querySelectorAll("#verdicts button")) {
  button.addEventListener("click", () => perform(() => rate(/** @type {HTMLElement} */ (button).dataset.verdict || "")));
}
window.setInterval(() => {
  if (item && document.visibilityState === "visible" && document.hasFocus()) seconds += TICK_MS / 1000;
}, TICK_MS);
perform(async () => {
  queue = await ask("/queue");
  showProgress();
  const first = queue.find((entry) => !entry.verdict);
  if (first) await open(first.key);
  else showList();
});
