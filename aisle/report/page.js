// The page's behaviour: figures are drawn when they come near the window; theme, menu, slider, downloads, hover.
// Every figure is JSON beside its caption; the template of each theme and the products' names stand in the page once.
(() => {
  "use strict";
  const root = document.documentElement;
  const parsed = (id) => JSON.parse(document.getElementById(id).textContent);
  const templates = parsed("templates");
  let products = null; // read at the first need: it may have megabytes of pictures
  const product = (place) => (products ??= parsed("products"))[place];
  const figureOf = (chart) => JSON.parse(chart.querySelector("script").textContent);
  const isProducts = (trace) => trace.meta === "products";
  const captionOf = (block) => block.querySelector("figcaption").firstChild.textContent.trim();

  // --- figures -----------------------------------------------------------------------------------------------
  const NARROW = 560; // px: below it, names on axes are shortened
  const COLUMN = 320; // px: the least for a subplot; those side by side scroll
  const drawn = new Map(); // chart -> its theme
  // No bar of buttons: it would lie over the legend. Dragging zooms, a double click zooms back, as Plotly then says.
  const config = { displayModeBar: false, responsive: true };

  function wrapped(name, length) {
    const lines = [""];
    for (const word of String(name).split(/\s+|<br>/)) {
      const last = lines[lines.length - 1];
      if (last && last.length + word.length >= length) lines.push(word);
      else lines[lines.length - 1] = last ? `${last} ${word}` : word;
    }
    const shown = lines.map((line) => (line.length > length + 4 ? `${line.slice(0, length + 3)}…` : line));
    return shown.length > 3 ? `${shown.slice(0, 3).join("<br>")}…` : shown.join("<br>");
  }

  const cut = (name, length) => (name.length > length + 1 ? `${name.slice(0, length)}…` : name);

  // On a phone the names of categories, long titles and colour scales would leave no room for the rest.
  function fitted(figure, width) {
    if (width >= NARROW) return figure;
    const layout = { ...figure.layout };
    layout.font = { ...layout.font, size: 11 };
    const axes = Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key));
    const starts = new Set(axes.filter((key) => key[0] === "x").map((key) => layout[key].domain?.[0] ?? 0));
    if (starts.size > 1) layout.width = starts.size * COLUMN;
    for (const axis of axes) {
      const text = layout[axis].title?.text;
      if (text) layout[axis] = { ...layout[axis], title: { ...layout[axis].title, text: wrapped(text, 30) } };
    }
    for (const letter of ["x", "y"]) {
      const names = new Map();
      for (const trace of figure.data) {
        if (!Array.isArray(trace[letter])) continue;
        const axis = `${letter}axis${(trace[`${letter}axis`] ?? letter).slice(1)}`;
        if (!names.has(axis)) names.set(axis, new Set());
        trace[letter].forEach((value) => names.get(axis).add(value));
      }
      for (const [axis, values] of names) {
        const texts = [...values].filter((value) => typeof value === "string" && Number.isNaN(Number(value)));
        const dates = texts.some((text) => /^\d{4}-\d\d/.test(text));
        if (!texts.length || texts.length < values.size || dates || layout[axis]?.tickvals) continue;
        if (Math.max(...texts.map((text) => text.length)) <= 14) continue;
        layout[axis] = {
          ...layout[axis], type: "category", tickmode: "array", tickvals: texts,
          ticktext: texts.map((text) => (letter === "x" && texts.length > 3 ? cut(text, 16) : wrapped(text, 14))),
        };
      }
    }
    const data = figure.data.map((trace) =>
      trace.type === "heatmap" && trace.texttemplate ? { ...trace, showscale: false } : trace);
    return { data, layout };
  }

  function draw(chart) {
    const theme = root.dataset.theme;
    if (drawn.get(chart) === theme) return;
    const plot = chart.querySelector(".plot");
    if (drawn.has(chart)) {
      Plotly.react(plot, plot.data, { ...plot.layout, template: templates[theme] }, config);
    } else {
      const figure = fitted(figureOf(chart), plot.clientWidth);
      const traces = figure.data.map((trace) =>
        isProducts(trace) ? { ...trace, hoverinfo: "none", hovertemplate: null } : trace);
      const layout = { ...figure.layout, template: templates[theme] };
      if (layout.width > plot.clientWidth) plot.tabIndex = 0; // it scrolls, by keyboard too
      // a finger on a figure scrolls the page
      if (matchMedia("(pointer: coarse)").matches) layout.dragmode = false;
      Plotly.newPlot(plot, traces, layout, config);
      if (figure.data.some(isProducts)) follow(plot);
      if (drawn.size === 0) performance.mark("first-figure");
    }
    drawn.set(chart, theme);
    chart.dataset.drawn = theme;
  }

  // A browser has but a few WebGL contexts: figures that use one give it back when they are out of sight.
  function release(chart) {
    const plot = chart.querySelector(".plot");
    if (!drawn.has(chart) || !plot.data.some((trace) => /gl$|3d$|^surface$/.test(trace.type ?? ""))) return;
    const canvases = [...plot.querySelectorAll("canvas")];
    Plotly.purge(plot);
    for (const canvas of canvases) {
      const context = canvas.getContext("webgl") ?? canvas.getContext("webgl2");
      context?.getExtension("WEBGL_lose_context")?.loseContext(); // else the garbage collector decides when
    }
    drawn.delete(chart);
    delete chart.dataset.drawn;
  }

  const charts = [...document.querySelectorAll("figure.chart")];
  const near = new Set();
  const queue = [];
  let busy = false;
  // One figure per frame: the page can be scrolled meanwhile.
  function work() {
    const chart = queue.shift();
    busy = chart !== undefined;
    if (!busy) return;
    if (near.has(chart)) draw(chart);
    requestAnimationFrame(work);
  }
  function ask(chart) {
    queue.push(chart);
    if (!busy) work();
  }
  const watcher = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) {
        near.add(target);
        ask(target);
      } else {
        near.delete(target);
        release(target);
      }
    }
  }, { rootMargin: "600px 0px" });
  charts.forEach((chart) => watcher.observe(chart));
  // The first one at once, even if the window does not reach it: Plotly's first figure is its slowest.
  setTimeout(() => {
    const first = charts.find((chart) => chart.offsetParent);
    if (first && drawn.size === 0) draw(first);
  });
  addEventListener("beforeprint", () => charts.filter((chart) => chart.offsetParent).forEach(draw));

  // --- hover -------------------------------------------------------------------------------------------------
  const tip = document.getElementById("tip");
  function follow(plot) {
    plot.on("plotly_hover", ({ points, event }) => {
      const point = points.find(({ data }) => isProducts(data));
      if (!point) return;
      const [, title, category, picture] = product(point.customdata);
      const image = tip.querySelector("img");
      image.hidden = !picture;
      if (picture) image.src = `data:image/jpeg;base64,${picture}`;
      tip.querySelector("strong").textContent = title;
      tip.querySelector(".category").textContent = category;
      const more = tip.querySelector(".more");
      more.replaceChildren();
      for (const line of String(point.text ?? "").split("<br>").filter(Boolean)) {
        more.append(Object.assign(document.createElement("span"), { textContent: line }));
      }
      tip.hidden = false;
      const { width, height } = tip.getBoundingClientRect();
      const left = event.clientX + 16 + width > innerWidth ? event.clientX - 16 - width : event.clientX + 16;
      const top = Math.min(event.clientY + 16, innerHeight - height - 8);
      tip.style.left = `${Math.max(8, Math.min(left, innerWidth - width - 8))}px`;
      tip.style.top = `${Math.max(8, top)}px`;
    });
    plot.on("plotly_unhover", () => { tip.hidden = true; });
  }
  addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") tip.hidden = true;
  });

  // --- downloads ---------------------------------------------------------------------------------------------
  // What a spreadsheet would calculate gets an apostrophe before it, as in aisle/pipeline/escaping.py.
  const formula = /^'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]|(?<=[;\t\r\n])'*[=+\-@\uff1d\uff0b\uff0d\uff20]/g;
  const number = /^[+-]?(\d[\d.,]*|\.\d+)([eE][+-]?\d+)? ?%?$/;
  const cell = (value) => {
    const given = value === null || value === undefined ? "" : String(value);
    const text = number.test(given) ? given : given.replace(formula, "'$&");
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const csv = (rows) => `${rows.map((row) => row.map(cell).join(",")).join("\r\n")}\r\n`;

  // Return the columns of a trace: every list of values in it, at whatever depth; a matrix becomes three columns.
  function columns(trace) {
    const found = new Map();
    const isMatrix = Array.isArray(trace.z) && Array.isArray(trace.z[0]);
    if (isMatrix) {
      const width = Math.max(...trace.z.map((row) => row.length));
      const flat = (pick) => trace.z.flatMap((row, i) => Array.from({ length: width }, (_, j) => pick(i, j)));
      found.set("x", flat((i, j) => trace.x?.[j] ?? j));
      found.set("y", flat((i, j) => trace.y?.[i] ?? i));
      found.set("z", flat((i, j) => trace.z[i][j]));
    }
    const skipped = new Set(["colorscale", "color", "colors", "symbol", "hovertemplate", "pattern", "line"]);
    const visit = (value, name) => {
      if (Array.isArray(value)) {
        const matrix = Array.isArray(value[0]);
        if (isMatrix && (name === "x" || name === "y" || name === "z")) return;
        if (isMatrix && matrix) found.set(name, value.flat());
        else if (matrix) value[0].forEach((_, i) => found.set(`${name} ${i + 1}`, value.map((each) => each[i])));
        else if (value[0] === null || typeof value[0] !== "object") found.set(name, value);
        else value.forEach((each, i) => visit(each, `${name} ${each.label ?? i + 1}`));
      } else if (value && typeof value === "object") {
        for (const [key, each] of Object.entries(value)) {
          if (!skipped.has(key) || name === "link") visit(each, name ? `${name} ${key}` : key);
        }
      }
    };
    visit(trace, "");
    if (isProducts(trace) && found.has("customdata")) {
      const shown = found.get("customdata").map(product);
      found.delete("customdata");
      ["product_id", "title", "category"].forEach((name, i) => found.set(name, shown.map((each) => each[i])));
    }
    return found;
  }

  function figureRows(figure) {
    const tables = figure.data.map((trace) => [trace.name ?? "", columns(trace)]);
    const first = ["product_id", "title", "category", "ids", "labels", "parents", "values", "x", "y", "z"];
    const rank = (name) => (first.includes(name) ? first.indexOf(name) : first.length);
    const names = [...new Set(tables.flatMap(([, table]) => [...table.keys()]))];
    names.sort((a, b) => rank(a) - rank(b)); // stable: the others keep their order
    const rows = [["trace", ...names]];
    for (const [name, table] of tables) {
      const length = Math.max(0, ...[...table.values()].map((values) => values.length));
      for (let i = 0; i < length; i += 1) rows.push([name, ...names.map((key) => table.get(key)?.[i])]);
    }
    return rows;
  }

  function save(text, name) {
    const link = document.createElement("a");
    // the mark at the start makes spreadsheets read it as UTF-8
    link.href = URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/csv;charset=utf-8" }));
    link.download = `${name}.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }

  const fileName = (text) => text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "").slice(0, 60);
  const actions = {
    png(chart) {
      const { data, layout } = figureOf(chart);
      // the light theme, whatever the page's: a picture is for a document
      const figure = { data, layout: { ...layout, template: templates.light } };
      const size = { width: 1000, height: layout.height ?? 450, scale: 2 };
      return Plotly.downloadImage(figure, { format: "png", filename: chart.id.replace("figure-", ""), ...size });
    },
    csv(chart) {
      save(csv(figureRows(figureOf(chart))), chart.id.replace("figure-", ""));
    },
    table(block) {
      const rows = [...block.querySelectorAll("tr")];
      save(csv(rows.map((row) => [...row.cells].map((each) => each.textContent))), fileName(captionOf(block)));
    },
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-action]");
    if (button) actions[button.dataset.action](button.closest("figure"));
  });

  // --- slider ------------------------------------------------------------------------------------------------
  for (const slider of document.querySelectorAll(".slider input")) {
    slider.addEventListener("input", () => {
      slider.closest("figure").style.setProperty("--opacity", slider.value / 100);
      slider.nextElementSibling.value = `${slider.value} %`;
    });
  }

  // --- theme -------------------------------------------------------------------------------------------------
  const switcher = document.getElementById("theme");
  const tell = () => {
    switcher.setAttribute("aria-pressed", String(root.dataset.theme === "dark"));
  };
  switcher.addEventListener("click", () => {
    root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
    try {
      localStorage.setItem("aisle-theme", root.dataset.theme);
    } catch { /* the browser keeps nothing for files */ }
    tell();
    near.forEach(ask); // the others when they come near
  });
  tell();

  // --- navigation --------------------------------------------------------------------------------------------
  const menu = document.getElementById("menu");
  const nav = document.getElementById("sections");
  const links = [...nav.querySelectorAll("a")];
  const sections = links.map((link) => document.querySelector(`section[id="${CSS.escape(link.hash.slice(1))}"]`));
  const open = (state) => {
    nav.classList.toggle("open", state);
    menu.setAttribute("aria-expanded", String(state));
  };
  menu.addEventListener("click", () => open(!nav.classList.contains("open")));
  nav.addEventListener("click", (event) => {
    if (event.target.closest("a")) open(false);
  });
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !nav.classList.contains("open")) return;
    open(false);
    menu.focus();
  });

  function mark() {
    const line = innerHeight / 3;
    const tops = sections.map((section) => section.getBoundingClientRect().top);
    const end = scrollY > 0 && innerHeight + scrollY >= root.scrollHeight - 2;
    let current = end ? sections.length - 1 : tops.findLastIndex((top) => top <= line);
    // several may begin above the line, and at the end the last ones cannot reach it: then the one asked for
    const asked = links.findIndex((link) => link.hash === location.hash);
    if (asked >= 0 && tops[asked] > -2 && (end || tops[asked] <= line)) current = asked;
    links.forEach((link, i) => {
      if (i === Math.max(0, current)) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    });
  }
  let marking = false;
  const markSoon = () => {
    if (marking) return;
    marking = true;
    requestAnimationFrame(() => {
      marking = false;
      mark();
    });
  };
  addEventListener("scroll", markSoon, { passive: true });
  addEventListener("hashchange", markSoon);
  new ResizeObserver(markSoon).observe(document.body); // figures are drawn later and move the sections
  mark();

  // A link may lead to what is folded away.
  function reveal() {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const folded = target && target.closest("details:not([open])");
    if (!folded) return;
    folded.open = true;
    target.scrollIntoView();
  }
  addEventListener("hashchange", reveal);
  reveal();

  const unfold = document.getElementById("unfold");
  unfold.addEventListener("click", () => {
    const state = unfold.getAttribute("aria-pressed") !== "true";
    unfold.setAttribute("aria-pressed", String(state));
    document.querySelectorAll("main details").forEach((each) => { each.open = state; });
    mark();
  });
})();
