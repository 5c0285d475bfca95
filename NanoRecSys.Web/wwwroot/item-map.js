// Draws the item embeddings on a canvas with pan, zoom, hover and click to open an item. The data is loaded by HTTP, once per version.

// Blue looks darker than yellow of the same lightness.
const colour = (hue, dark) => {
  if (hue === undefined || hue === null) return dark ? "#8b93a5" : "#7b8190";
  const lift = 14 * Math.max(0, Math.cos((hue - 255) * Math.PI / 180));
  return `hsl(${hue} ${dark ? 78 : 68}% ${(dark ? 60 : 45) + lift}%)`;
};

/** Draws into the elements of ItemMapView. Marks: mark, the id to zoom to, or null; history and list, ids to highlight; one and many, the word for an item. */
export async function draw(root, marks) {
  const message = root.querySelector(".message");
  let sheet;
  try {
    const answer = await fetch("/explore/map");
    if (!answer.ok) throw new Error(await answer.text());
    sheet = await answer.json();
  } catch (error) {
    message.textContent = `No map to show. ${error.message}`;
    root.dataset.state = "failed";
    return { stop() {} };
  }

  message.hidden = true;
  message.style.display = "none";
  return start(root, sheet, marks);
}

function start(root, sheet, marks) {
  const canvas = root.querySelector("canvas");
  const hover = root.querySelector(".hover");
  const context = canvas.getContext("2d");
  const marked = marks.mark ? sheet.ids.indexOf(marks.mark) : -1;
  const placesOf = ids => ids.map(id => sheet.ids.indexOf(id)).filter(place => place >= 0);
  const had = placesOf(marks.history), recommended = placesOf(marks.list);
  const pale = had.length + recommended.length > 0 ? 0.25 : 1;
  const shown = sheet.categories.map(() => true);
  const most = Math.max(1, ...sheet.interactions);
  const order = sheet.ids.map((_, i) => i).sort((a, b) => sheet.interactions[a] - sheet.interactions[b]); // well-known items on top
  const radius = sheet.interactions.map(count => 1.1 + 4.4 * Math.sqrt(count / most));
  const ending = new AbortController();
  const on = (target, type, handle, options) => target.addEventListener(type, handle, { signal: ending.signal, ...options });
  let pointed = -1, asked = 0;

  const span = axis => axis.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [1, -1]);
  const [left, right] = span(sheet.x), [bottom, top] = span(sheet.y);
  const middle = { x: (left + right) / 2, y: (bottom + top) / 2, zoom: 1 };
  const view = { ...middle };

  const scale = () => 0.93 * view.zoom * Math.min(canvas.clientWidth / (right - left || 1), canvas.clientHeight / (top - bottom || 1));
  const toScreen = i => [
    canvas.clientWidth / 2 + (sheet.x[i] - view.x) * scale(),
    canvas.clientHeight / 2 - (sheet.y[i] - view.y) * scale(),
  ];
  const isDark = () => document.documentElement.dataset.theme === "dark";

  function paint() {
    asked = 0;
    const density = devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
    canvas.width = width * density;
    canvas.height = height * density;
    context.setTransform(density, 0, 0, density, 0, 0);
    const dark = isDark(), colours = sheet.categories.map(category => colour(category.hue, dark));
    const grow = Math.min(3, Math.sqrt(view.zoom));
    for (const i of order) {
      if (!shown[sheet.category[i]]) continue;
      const [x, y] = toScreen(i);
      if (x < -9 || y < -9 || x > width + 9 || y > height + 9) continue;
      context.globalAlpha = pale * (0.4 + 0.5 * Math.sqrt(sheet.interactions[i] / most));
      context.fillStyle = colours[sheet.category[i]];
      context.beginPath();
      context.arc(x, y, radius[i] * grow, 0, 2 * Math.PI);
      context.fill();
    }

    context.globalAlpha = 1;
    for (const i of had) dot(i, dark ? "#f3f0e9" : "#17191e", 3.2);
    for (const i of recommended) dot(i, dark ? "#ffb454" : "#a84b06", 5.5);
    name(colours, dark, width, height);
    for (const i of [marked, pointed]) if (i >= 0) ring(i, dark, grow);
    root.dataset.zoom = view.zoom.toFixed(2);
  }

  // The best-known items are labelled where labels do not overlap.
  function name(colours, dark, width, height) {
    const controls = root.querySelector(".zoom");
    const taken = [[controls.offsetLeft, controls.offsetTop, width, height]];
    if (marked >= 0) {
      const [x, y] = toScreen(marked);
      taken.push([x - 14, y - 14, x + 14, y + 14]); // its ring
    }
    context.font = `600 11.5px ${getComputedStyle(root).fontFamily}`;
    context.lineWidth = 3;
    context.lineJoin = "round";
    const wanted = Math.min(90, 16 * view.zoom);
    let named = 0;
    const candidates = marked >= 0 ? [marked, ...order.toReversed()] : recommended.length > 0 ? recommended : order.toReversed();
    for (const i of candidates) {
      if (named >= wanted) break;
      if (!shown[sheet.category[i]] && i !== marked) continue;
      const [x, y] = toScreen(i);
      if (x < 0 || y < 14 || x > width - 20 || y > height - 12) continue;
      const title = sheet.titles[i].replace(/\s\([^()]*\)/g, ""); // without alternative titles
      const text = title.length > 28 ? title.slice(0, 27) + "…" : title;
      const wide = context.measureText(text).width;
      const at = i === marked ? Math.max(6, Math.min(x - wide / 2, width - wide - 6)) : x + 9; // the marked item is always labelled
      const below = i === marked ? 24 : 0;
      const box = [at - 2, y - 8 + below, at + wide + 4, y + 8 + below];
      if (box[2] > width || taken.some(other => box[0] < other[2] && other[0] < box[2] && box[1] < other[3] && other[1] < box[3])) continue;
      taken.push(box);
      named++;
      context.strokeStyle = dark ? "#141822" : "#fffdf9";
      context.strokeText(text, at, y + 4 + below);
      context.fillStyle = dark ? "#f3f0e9" : "#17191e";
      context.fillText(text, at, y + 4 + below);
    }
  }

  function dot(i, fill, size) {
    const [x, y] = toScreen(i);
    context.fillStyle = fill;
    context.beginPath();
    context.arc(x, y, size, 0, 2 * Math.PI);
    context.fill();
  }

  function ring(i, dark, grow) {
    const [x, y] = toScreen(i);
    context.strokeStyle = dark ? "#ffb454" : "#a84b06";
    context.lineWidth = 2.5;
    context.beginPath();
    context.arc(x, y, radius[i] * grow + 4.5, 0, 2 * Math.PI);
    context.stroke();
  }

  const repaint = () => { asked ||= requestAnimationFrame(paint); };

  function nearest(x, y) {
    let best = -1, least = 14 * 14; // touch tolerance, in pixels
    for (const i of order) {
      if (!shown[sheet.category[i]]) continue;
      const [px, py] = toScreen(i);
      const distance = (px - x) ** 2 + (py - y) ** 2;
      if (distance <= least) [best, least] = [i, distance];
    }
    return best;
  }

  function point(i) {
    if (i === pointed) return;
    pointed = i;
    hover.hidden = i < 0;
    canvas.style.cursor = i < 0 ? "" : "pointer";
    if (i >= 0) {
      const title = document.createElement("b");
      title.textContent = sheet.titles[i];
      hover.replaceChildren(title, [sheet.notes[i], sheet.categories[sheet.category[i]].name, `${sheet.interactions[i].toLocaleString("en")} interactions`].filter(Boolean).join(" · "));
      const [x, y] = toScreen(i);
      hover.style.left = `${Math.min(x + 14, canvas.clientWidth - hover.offsetWidth - 8)}px`;
      hover.style.top = `${Math.max(8, y - hover.offsetHeight - 14)}px`;
    }
    repaint();
  }

  function zoom(factor, x = canvas.clientWidth / 2, y = canvas.clientHeight / 2) {
    const before = scale();
    view.zoom = Math.min(60, Math.max(1, view.zoom * factor));
    // Zooms around the pointer.
    view.x += (x - canvas.clientWidth / 2) * (1 / before - 1 / scale());
    view.y -= (y - canvas.clientHeight / 2) * (1 / before - 1 / scale());
    keepInside();
  }

  function keepInside() {
    view.x = Math.min(right, Math.max(left, view.x));
    view.y = Math.min(top, Math.max(bottom, view.y));
    point(-1);
    repaint();
  }

  function showAll() {
    Object.assign(view, middle);
    keepInside();
  }

  const fingers = new Map();
  let travelled = 0;
  on(canvas, "pointerdown", event => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, event);
    travelled = 0;
  });
  on(canvas, "pointermove", event => {
    const last = fingers.get(event.pointerId);
    if (!last) {
      point(nearest(event.offsetX, event.offsetY));
      return;
    }
    const [dx, dy] = [event.offsetX - last.offsetX, event.offsetY - last.offsetY];
    travelled += Math.abs(dx) + Math.abs(dy);
    if (fingers.size === 2) {
      const other = [...fingers.values()].find(finger => finger.pointerId !== event.pointerId);
      const apart = finger => Math.hypot(finger.offsetX - other.offsetX, finger.offsetY - other.offsetY);
      zoom(apart(event) / Math.max(1, apart(last)), other.offsetX, other.offsetY);
    } else {
      view.x -= dx / scale();
      view.y += dy / scale();
      keepInside();
    }
    fingers.set(event.pointerId, event);
  });
  on(canvas, "pointerup", event => {
    fingers.delete(event.pointerId);
    const i = nearest(event.offsetX, event.offsetY);
    if (travelled < 6 && i >= 0) Blazor.navigateTo(`/item/${encodeURIComponent(sheet.ids[i])}`);
  });
  on(canvas, "pointercancel", event => fingers.delete(event.pointerId));
  on(canvas, "pointerleave", () => point(-1));
  on(canvas, "dblclick", event => zoom(2, event.offsetX, event.offsetY));
  on(canvas, "wheel", event => {
    event.preventDefault();
    zoom(Math.exp(-event.deltaY / 400), event.offsetX, event.offsetY);
  }, { passive: false });
  on(canvas, "keydown", event => {
    const step = 60 / scale();
    const act = {
      ArrowLeft: () => { view.x -= step; keepInside(); }, ArrowRight: () => { view.x += step; keepInside(); },
      ArrowUp: () => { view.y += step; keepInside(); }, ArrowDown: () => { view.y -= step; keepInside(); },
      "+": () => zoom(1.4), "=": () => zoom(1.4), "-": () => zoom(1 / 1.4), 0: showAll,
    }[event.key];
    if (act) {
      event.preventDefault();
      act();
    }
  });
  const buttons = { in: () => zoom(1.6), out: () => zoom(1 / 1.6), all: showAll };
  for (const button of root.querySelectorAll("[data-zoom]")) on(button, "click", buttons[button.dataset.zoom]);

  function list() {
    const dark = isDark();
    root.querySelector(".legend").replaceChildren(...sheet.categories.map((category, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.setAttribute("aria-pressed", shown[place]);
      button.style.setProperty("--colour", colour(category.hue, dark));
      const count = document.createElement("small");
      count.textContent = category.items.toLocaleString("en");
      button.append(document.createElement("i"), category.name || "other", count);
      button.title = `Most distinctive category of ${category.items.toLocaleString("en")} ${marks.many}. Click to show only these.`;
      button.addEventListener("click", () => {
        // The first click isolates a category, further clicks add or remove; if none is left, all are shown.
        if (shown.every(Boolean)) shown.fill(false);
        shown[place] = !shown[place];
        if (!shown.some(Boolean)) shown.fill(true);
        for (const [i, other] of [...button.parentElement.children].entries()) other.setAttribute("aria-pressed", shown[i]);
        point(-1);
        repaint();
      });
      return button;
    }));
  }

  const themes = new MutationObserver(() => { list(); repaint(); });
  themes.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  const sizes = new ResizeObserver(repaint);
  sizes.observe(canvas);

  root.querySelector(".method").textContent =
    `${sheet.ids.length.toLocaleString("en")} ${marks.many}. Dot size: popularity. Color: most distinctive category. The two-dimensional layout keeps ${Math.round(100 * sheet.kept)}% of the ten nearest neighbors of a well-known ${marks.one}.`;
  if (marked >= 0) Object.assign(view, { x: sheet.x[marked], y: sheet.y[marked], zoom: 6 });
  list();
  paint();
  // For tests and scripts that wait for the map: that it is drawn, and the screen position of the best-known uncovered item.
  const place = i => toScreen(i).map(Math.round);
  const best = order.findLast(i => nearest(...place(i)) === i);
  root.dataset.best = [...place(best), sheet.ids[best]].join(",");
  root.dataset.state = "drawn";
  const drawn = document.createElement("span");
  drawn.hidden = true;
  drawn.dataset.testid = "map-drawn";
  root.append(drawn);
  return {
    stop() {
      ending.abort();
      themes.disconnect();
      sizes.disconnect();
      cancelAnimationFrame(asked);
    },
  };
}
