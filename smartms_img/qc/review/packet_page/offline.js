// @ts-check
/**
 * Answers in place of a server: items lie in packet.js, ratings stay in this browser until they
 * are saved as a file.
 *
 * @typedef {{verdict: string, shown: string, reasons: string[], comment: string, seconds: number,
 *   change_reason: string}} Said
 * @typedef {{key: string, title: string, question: string, reasons: Record<string, string>,
 *   examples: object[], shown: string, pictures: number[], others: object[], files: string[]}} Slot
 * @typedef {{ratings: (Said & {key: string})[], drafts: Record<string, object>}} Kept
 */

{
  /** @type {{id: string, reader: string, slots: Slot[]}} */
  const packet = /** @type {any} */ (window).packet;
  const slots = new Map(packet.slots.map((slot) => [slot.key, slot]));
  /** @type {Kept} */
  const kept = JSON.parse(localStorage.getItem(packet.id) || '{"ratings": [], "drafts": {}}');

  const keep = () => localStorage.setItem(packet.id, JSON.stringify(kept));

  /** @param {string} key */
  const last = (key) => kept.ratings
    .filter((rating) => rating.key === key && rating.shown === slots.get(key)?.shown).at(-1);

  const queue = () => packet.slots.map((slot) => ({
    key: slot.key, title: slot.title, verdict: last(slot.key)?.verdict || "",
  }));

  /** @param {string} path @param {any} [body] */
  const answer = async (path, body) => {
    const [, what, key, act] = path.split("/");
    if (what === "queue") return queue();
    const slot = slots.get(key);
    if (!slot) throw new Error("There is no such item.");
    if (act === "rating") {
      kept.ratings.push({ key, ...body });
      delete kept.drafts[key];
      keep();
      return {};
    }
    if (act === "draft") {
      kept.drafts[key] = body;
      keep();
      return {};
    }
    return { ...slot, said: last(key) || {}, draft: kept.drafts[key] || {} };
  };

  /** @param {string} key @param {number} number */
  const picture = (key, number) => slots.get(key)?.files[number - 1] || "";

  Object.assign(window, { offline: { answer, picture } });

  addEventListener("DOMContentLoaded", () => {
    const button = /** @type {HTMLButtonElement} */ (document.getElementById("save"));
    button.hidden = false;
    button.addEventListener("click", () => {
      const content = JSON.stringify({ packet: packet.id, ratings: kept.ratings }, null, 1);
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([content], { type: "application/json" }));
      link.download = `ratings-${packet.reader}.json`;
      link.click();
    });
  });
}
