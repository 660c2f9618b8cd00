"use strict";
// Keys of the review: 1 to 3 take a category, / searches in the tree, s skips, u takes the last answer back.
// Without this script every one of them is a button.
const search = document.getElementById("search");
const tree = document.getElementById("tree");
let sent = false;

document.addEventListener("submit", (event) => {
  if (sent) event.preventDefault(); // a second press of a key is no second answer
  sent = true;
});
window.addEventListener("pageshow", () => { sent = false; });

const options = () => [...tree.querySelectorAll("button")].filter((each) => !each.parentElement.hidden);
const folded = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

function narrow() {
  const words = folded(search.value).split(/\s+/).filter(Boolean);
  for (const item of tree.children) {
    const name = folded(item.textContent);
    item.hidden = !words.every((word) => name.includes(word));
  }
  options().forEach((each, i) => each.classList.toggle("first", i === 0 && words.length > 0));
}

if (search) {
  search.addEventListener("input", narrow);
  search.addEventListener("keydown", (event) => {
    const found = options();
    if (event.key === "Enter") {
      event.preventDefault(); // or the form's first button would be pressed
      if (search.value.trim() && found.length) found[0].click();
    } else if (event.key === "ArrowDown" && found.length) {
      event.preventDefault();
      found[0].focus();
    }
  });
  tree.addEventListener("keydown", (event) => {
    const found = options();
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const place = found.indexOf(document.activeElement) + step;
    (found[place] || search).focus();
  });
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const field = event.target.closest("input:not([type=checkbox]), textarea");
  if (event.key === "Escape" && field) {
    field.blur();
    return;
  }
  if (field) {
    if (event.key === "Enter" && field.id === "why") event.preventDefault();
    return;
  }
  if (event.repeat) return;
  if (event.key === "/" && search) {
    event.preventDefault();
    search.focus();
    return;
  }
  const button = document.querySelector(`button[data-key="${CSS.escape(event.key.toLowerCase())}"]:not(:disabled)`);
  if (button) {
    event.preventDefault();
    button.click();
  }
});
