// What makes pages lively. Without it every page works: forms are sent, links are followed.
(() => {
  "use strict";
  const root = document.documentElement;
  root.classList.add("lively");

  // Parts of a page that come anew: a form or link with data-swap="#id" replaces that element by its like in the answer.
  let latest = 0;
  async function swap(url, selector, keep) {
    const mine = ++latest, target = document.querySelector(selector);
    if (!target) { location.assign(url); return; }
    target.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(url, { headers: { "X-Requested-With": "awe" }, credentials: "same-origin" });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.querySelector(selector);
      if (mine !== latest) return;
      if (!fresh) { location.assign(url); return; }
      const active = document.activeElement && target.contains(document.activeElement) ? document.activeElement.id : "";
      target.replaceWith(fresh);
      document.title = page.title;
      for (const id of ["awe-line"]) {
        const here = document.getElementById(id), there = page.getElementById(id);
        if (here && there) here.textContent = there.textContent;
      }
      if (!keep) history.pushState({ swap: selector }, "", answer.url);
      if (active) document.getElementById(active)?.focus();
      hideTip();
    } catch (error) { location.assign(url); }
  }
  addEventListener("popstate", () => location.reload());

  function address(form, submitter) {
    const data = new FormData(form, submitter), query = new URLSearchParams();
    const parallel = (form.dataset.parallel || "").split(" ");  // fields that go together keep their places
    for (const [name, value] of data) if (value !== "" || parallel.includes(name)) query.append(name, value);
    return form.action.split("?")[0] + "?" + query;
  }
  document.addEventListener("submit", event => {
    const form = event.target;
    if (form.method === "get" && form.dataset.swap) {
      event.preventDefault();
      swap(address(form, event.submitter), form.dataset.swap);
    } else if (event.submitter?.dataset.confirm && !confirm(event.submitter.dataset.confirm)) {
      event.preventDefault();
    }
  });
  document.addEventListener("change", event => {
    const form = event.target.form;
    if (form && form.dataset.live !== undefined) form.requestSubmit();
  });
  document.addEventListener("click", event => {
    const link = event.target.closest("a[data-swap]");
    if (link && !event.metaKey && !event.ctrlKey && !event.shiftKey && event.button === 0) {
      event.preventDefault();
      swap(link.getAttribute("href"), link.dataset.swap);  // links in figures have no plain href
      return;
    }
    const copy = event.target.closest("[data-copy]");
    if (copy) {
      navigator.clipboard?.writeText(document.getElementById(copy.dataset.copy).textContent).then(() => {
        const word = copy.textContent; copy.textContent = "Copied"; setTimeout(() => { copy.textContent = word; }, 1200);
      });
    }
    const who = document.querySelector(".who[open]");
    if (who && !who.contains(event.target)) who.open = false;
  });

  // An element with data-poll="seconds" asks for itself again, until the answer has no such mark.
  setInterval(() => {
    for (const one of document.querySelectorAll("[data-poll]")) {
      const due = Number(one.dataset.due || 0), now = Date.now();
      if (now >= due && one.id && !document.hidden) { one.dataset.due = now + 1000 * Number(one.dataset.poll); if (due) swap(location.href, "#" + one.id, true); }
    }
  }, 500);

  // Colours: at once, and remembered by the server's cookie.
  document.addEventListener("submit", event => {
    if (event.target.dataset.themeSwitch === undefined || !event.submitter) return;
    event.preventDefault();
    const theme = event.submitter.value;
    root.dataset.theme = theme;
    for (const one of event.target.querySelectorAll("button")) one.toggleAttribute("aria-pressed", one === event.submitter), one.setAttribute("aria-pressed", one === event.submitter);
    fetch(event.target.action, { method: "POST", body: new URLSearchParams({ theme, next: "/" }), redirect: "manual" });
  });

  // What an element with data-tip says stands beside it while it is pointed at, or has the focus.
  let tip = null;
  function hideTip() { tip?.remove(); tip = null; }
  function showTip(one, x, y) {
    hideTip();
    tip = document.createElement("div");
    tip.className = "tip"; tip.setAttribute("role", "tooltip"); tip.textContent = one.dataset.tip;
    document.body.append(tip);
    const left = Math.min(x + 14, scrollX + root.clientWidth - tip.offsetWidth - 8), below = y + 16;
    tip.style.left = Math.max(8, left) + "px";
    tip.style.top = (below + tip.offsetHeight > scrollY + innerHeight ? y - tip.offsetHeight - 12 : below) + "px";
  }
  document.addEventListener("pointermove", event => {
    const one = event.target.closest?.("[data-tip]");
    if (one) showTip(one, event.pageX, event.pageY); else hideTip();
  });
  document.addEventListener("focusin", event => {
    const one = event.target.closest?.("[data-tip]");
    if (one) { const box = one.getBoundingClientRect(); showTip(one, box.left + scrollX, box.bottom + scrollY); } else hideTip();
  });

  // Figures that are zoomed: the wheel with Ctrl held, or + and -, about the pointer or the middle; dragging moves, 0 shows all again.
  const zoomed = ".figure.chart, .figure.timeline, .lineage > svg";
  function frame(svg) {
    const whole = svg.dataset.whole || (svg.dataset.whole = svg.getAttribute("viewBox"));
    return { whole: whole.split(/[ ,]+/).map(Number), now: svg.getAttribute("viewBox").split(/[ ,]+/).map(Number) };
  }
  function show(svg, x, y, width) {
    const { whole } = frame(svg), wide = Math.max(whole[2] / 40, Math.min(whole[2], width)), high = wide * whole[3] / whole[2];
    const left = Math.max(whole[0], Math.min(whole[0] + whole[2] - wide, x)), top = Math.max(whole[1], Math.min(whole[1] + whole[3] - high, y));
    svg.setAttribute("viewBox", [left, top, wide, high].map(one => one.toFixed(2)).join(" "));
    svg.classList.toggle("near", wide < whole[2]);
  }
  function zoom(svg, factor, across = .5, down = .5) {
    const { whole, now } = frame(svg), wide = Math.max(whole[2] / 40, Math.min(whole[2], now[2] * factor)), high = wide * whole[3] / whole[2];
    show(svg, now[0] + (now[2] - wide) * across, now[1] + (now[3] - high) * down, wide);
    hideTip();
  }
  document.addEventListener("wheel", event => {
    const svg = event.target.closest?.(zoomed);
    if (!svg || !event.ctrlKey) return;
    event.preventDefault();
    const box = svg.getBoundingClientRect();
    zoom(svg, event.deltaY < 0 ? .8 : 1.25, (event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  }, { passive: false });
  let dragged = null;
  document.addEventListener("pointerdown", event => {
    const svg = event.target.closest?.(zoomed);
    dragged = svg?.classList.contains("near") && event.button === 0 ? { svg, x: event.clientX, y: event.clientY, at: frame(svg).now, far: false } : null;
  });
  document.addEventListener("pointermove", event => {
    if (!dragged) return;
    const scale = dragged.at[2] / dragged.svg.getBoundingClientRect().width, x = event.clientX - dragged.x, y = event.clientY - dragged.y;
    dragged.far ||= Math.hypot(x, y) > 4;
    if (dragged.far) show(dragged.svg, dragged.at[0] - x * scale, dragged.at[1] - y * scale, dragged.at[2]);
  });
  document.addEventListener("pointerup", () => { setTimeout(() => { dragged = null; }); });
  document.addEventListener("click", event => { if (dragged?.far) { event.preventDefault(); event.stopPropagation(); } }, true);
  document.addEventListener("dragstart", event => { if (dragged) event.preventDefault(); });
  function zoomKey(key) {
    const factor = { "+": .8, "-": 1.25, "0": 1000 }[key];
    const svg = document.activeElement?.closest(zoomed) || document.querySelector("svg:hover")?.closest(zoomed) || document.querySelector(zoomed);
    if (!factor || !svg) return false;
    zoom(svg, factor);
    return true;
  }

  // Keys: one that stands in data-key goes to that element, or clicks it; arrows walk along what data-walk holds.
  document.addEventListener("keydown", event => {
    if (event.key === "Escape") { hideTip(); document.querySelector(".who[open]")?.removeAttribute("open"); return; }
    const typing = event.target.closest("input, select, textarea");
    if (typing || event.metaKey || event.ctrlKey || event.altKey) return;
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key], group = event.target.closest("[data-walk]");
    if (step && group) {
      const all = [...group.querySelectorAll("a, button")], next = all[all.indexOf(event.target) + step];
      if (next) { event.preventDefault(); next.focus(); }
      return;
    }
    if (zoomKey(event.key)) { event.preventDefault(); return; }
    const one = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (one) { event.preventDefault(); one.matches("input, select, textarea") ? one.focus() : one.click(); }
  });
})();
