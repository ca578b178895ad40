// Only hides and opens what the page already holds.
const words = document.getElementById("words");
const locations = document.getElementById("locations");
words.addEventListener("input", () => {
  const wanted = words.value.trim().toLowerCase();
  for (const item of document.querySelectorAll("[data-words]")) {
    item.hidden = !item.dataset.words.toLowerCase().includes(wanted);
  }
});
locations.addEventListener("change", () => {
  for (const item of document.querySelectorAll("details")) item.open = locations.checked;
});
document.getElementById("tools").hidden = false;
