/* What happens in the browser alone: the selection in the address, dimming, themes. No data is fetched here.
   The functions that touch no page stand first; tests/javascript loads them in Node. */
(() => {
  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
  const paramsOf = (search) => new URLSearchParams(search || "");

  /* The query of an address after `changes`: an empty value removes its parameter. */
  const changedSearch = (changes, search) => {
    const params = paramsOf(search);
    for (const [name, value] of Object.entries(changes)) {
      if (value) params.set(name, value);
      else params.delete(name);
    }
    const text = params.toString();
    return text ? `?${text}` : "";
  };

  /* Of the inputs that triggered a callback, the one that was clicked last: quick clicks on several things come in one call,
     which does not say in what order. */
  const lastClicked = (inputs, clicked) => {
    const changed = inputs.filter((input) => input.value);
    return changed.find((input) => input.prop_id.startsWith(clicked)) || changed[0] || null;
  };
  const idOf = (trigger) => JSON.parse(trigger.prop_id.slice(0, trigger.prop_id.lastIndexOf(".")));

  /* Where a label stands: over no earlier one, as near to its cluster as there is room, and inside the map. */
  const roomFor = (box, taken, size) => {
    const inside = (value, least, most) => Math.max(least, Math.min(value, most));
    const left = inside(box.x - box.width / 2, 2, size.width - box.width - 2);
    const top = inside(box.y - 6 - box.height, 2, size.height - box.height - 2);
    const places = [];
    for (let down = -8; down <= 8; down += 1) {
      for (let right = -2; right <= 2; right += 1) {
        const place = { left: left + (right * box.width) / 2, top: top + down * (box.height + 3) };
        places.push({ ...place, far: Math.hypot(place.left - left, place.top - top) });
      }
    }
    places.sort((one, other) => one.far - other.far);
    const fits = ({ left: x, top: y, far }) =>
      (!far || (x >= 2 && x + box.width <= size.width - 2 && y >= 36 && y + box.height <= size.height - 2)) &&
      taken.every((each) => x + box.width + 2 < each.left || each.right + 2 < x || y + box.height + 2 < each.top || each.bottom + 2 < y);
    return places.find(fits) || { left, top };
  };

  /* The lasso's outline, thinned to 100 corners: the server asks who of all users is inside. */
  const thinOutline = (outline) => {
    const step = Math.max(1, Math.ceil(outline.x.length / 100));
    const thin = (values) => values.filter((_, at) => at % step === 0).map((value) => Number(value.toPrecision(6)));
    return { x: thin(outline.x), y: thin(outline.y) };
  };

  /* How a trace of the map is drawn: in its own colour while its cluster, or none, is open; else grey and faint, not hidden. */
  const traceLook = (trace, ownColor, open, known, { colors, dimmed }) => {
    if (known && trace.meta !== open) return dimmed;
    return { color: ownColor || colors[trace.meta], opacity: trace.meta || trace.marker.coloraxis ? 0.8 : known ? 1 : 0.45 };
  };

  /* Below a proxy's path (`root`, such as /grupa), pages have it in front in the address bar; inside, they go without. */
  const pageOf = (pathname, root) => (root && (pathname === root || pathname.startsWith(`${root}/`)) ? pathname.slice(root.length) || "/" : pathname);

  /* Links keep the snapshot, and the one of this page is marked. */
  const railLinks = ({ path, snapshot }, ids, root = "") => [
    ids.map((id) => root + id.path + (snapshot ? `?snapshot=${encodeURIComponent(snapshot)}` : "")),
    ids.map((id) => (id.path === path ? "rail-link here" : "rail-link")),
  ];

  if (typeof module === "object" && module.exports) {
    module.exports = { changedSearch, idOf, lastClicked, pageOf, railLinks, roomFor, same, thinOutline, traceLook };
    return;
  }

  /* This file runs before Dash's own scripts, which keep what is already there. */
  const own = (window.dash_clientside = window.dash_clientside || {});
  const root = JSON.parse(document.getElementById("_dash-config").textContent).requests_pathname_prefix.replace(/\/$/, "");
  own.grupaAddress = (path) => root + path;
  const unchanged = () => own.no_update;
  const unless = (value, current) => (same(value, current) ? unchanged() : value);
  const address = (changes, search) => unless(changedSearch(changes, search), search || "");
  let clicked = "";
  document.addEventListener(
    "click",
    ({ target }) => {
      const component = target.closest && target.closest("[id^='{']");
      if (component) clicked = component.id;
    },
    true,
  );
  const triggered = () => lastClicked(own.callback_context.triggered, clicked);

  /* After a click on a button that goes away, the keyboard goes on from what it opened. */
  const focusOn = (selector) => {
    const before = document.querySelector(selector);
    const watch = new MutationObserver(() => {
      const found = document.querySelector(selector);
      if (!found || found === before) return;
      watch.disconnect();
      found.focus({ preventScroll: true });
    });
    watch.observe(document.querySelector("#page"), { childList: true, subtree: true });
    setTimeout(() => watch.disconnect(), 3000);
  };

  const screenIs = (query) => window.matchMedia(query).matches;
  /* A click on the map is answered by the panel: where that stands below the map, it comes into view. On a phone it is a
     sheet over the page. */
  const showPanel = async () => {
    await painted();
    const panel = document.querySelector("#panel");
    if (!panel || screenIs("(max-width: 760px)")) return;
    const { top } = panel.getBoundingClientRect();
    if (top > -40 && top < window.innerHeight / 2) return;
    panel.scrollIntoView({ block: "start", behavior: screenIs("(prefers-reduced-motion: reduce)") ? "auto" : "smooth" });
  };

  /* A field reports its value after a pause of 600 ms at most (its debounce): a save waits for that. */
  const PAUSE = 700;
  let typed = -PAUSE;
  let entered = -PAUSE; // the keys that move about in the form or close it left out
  for (const kind of ["input", "keydown", "pointerdown"]) {
    document.addEventListener(
      kind,
      ({ target, timeStamp }) => {
        if (!target.closest || !target.closest(".plan-form")) return;
        typed = timeStamp;
        if (kind === "input") entered = timeStamp;
      },
      true,
    );
  }
  const allReported = () => new Promise((done) => setTimeout(done, Math.max(0, typed + PAUSE - performance.now())));

  /* The draft as the drawer opened it: what differs from it when the drawer is closed was not saved. */
  const UNSAVED = "unsaved:";
  let asOpened = null;
  const isEdited = (draft) => Boolean(asOpened && draft) && (!same(asOpened, draft) || performance.now() - entered < PAUSE);

  const painted = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 0))));

  const mapDrawn = () => [...document.querySelectorAll("#map .js-plotly-plot")].find((map) => map._fullData);
  const openNow = () => paramsOf(window.location.search).get("cluster") || "";

  /* The table's row of the open cluster is marked. It is not the grid's own selection: what the grid reports of that comes
     late, and would open again what was open before. */
  const markRow = () => {
    for (const row of document.querySelectorAll("#cluster-table .ag-row")) {
      const open = row.getAttribute("row-id") === openNow();
      row.classList.toggle("open-row", open);
      if (open) row.setAttribute("aria-current", "true");
      else row.removeAttribute("aria-current");
    }
  };
  const grid = (window.dashAgGridFunctions = window.dashAgGridFunctions || {});
  grid.markRow = markRow;
  grid.isOpen = ({ data }) => data.cluster === openNow();
  grid.openRow = ({ data, event }) => {
    if (event.type === "keydown" && event.key !== "Enter" && event.key !== " ") return;
    if (data.cluster !== openNow()) own.set_props("url", { search: address({ cluster: data.cluster }, window.location.search) });
  };

  /* Applies changes to the map; without any, Plotly is not called. */
  const apply = async (method, map, changes, ...rest) => {
    if (Object.keys(changes).length) await window.Plotly[method](map, changes, ...rest);
  };

  const fullSpans = new WeakMap();
  const placeLabels = async (map) => {
    /* Where the map is enlarged there is room for whole names. */
    const [from, to] = map._fullLayout.xaxis.range;
    if (!fullSpans.has(map)) fullSpans.set(map, to - from);
    const form = to - from < 0.6 * fullSpans.get(map) ? 2 : window.innerWidth < 760 ? 1 : 0;
    const labels = map.layout.annotations || [];
    const texts = {};
    labels.forEach((each, at) => {
      const text = map.layout.meta.labels[each.name][form];
      if (each.text !== text) texts[`annotations[${at}].text`] = text;
    });
    await apply("relayout", map, texts);
    const { xaxis, yaxis, width, height } = map._fullLayout;
    const taken = [];
    const shifts = {};
    labels.forEach((each, at) => {
      const shape = map.querySelector(`.annotation[data-index="${at}"] .bg`);
      if (!shape) return; // out of what is shown
      const { width: wide, height: high } = shape.getBoundingClientRect();
      const own = { x: xaxis._offset + xaxis.d2p(each.x), y: yaxis._offset + yaxis.d2p(each.y), width: wide, height: high };
      const { left, top } = roomFor(own, taken, { width, height });
      taken.push({ left, top, right: left + wide, bottom: top + high });
      const shift = { xshift: Math.round(left + wide / 2 - own.x), yshift: Math.round(own.y - top - high) };
      for (const [name, value] of Object.entries(shift)) {
        if (Math.abs((map.layout.annotations[at][name] || 0) - value) > 1) shifts[`annotations[${at}].${name}`] = value;
      }
    });
    await apply("relayout", map, shifts);
  };

  /* While a cluster is open the other users are grey too: where dots are dense, faint ones add up. */
  const ownColors = new WeakMap();
  const dimOthers = async (map) => {
    /* The dots of those in no cluster have no id. */
    const open = openNow() === "unassigned" ? "" : openNow();
    const known = Boolean(openNow()) && map.data.some((trace) => trace.type === "scattergl" && trace.meta === open);
    const traces = [];
    const changes = { "marker.color": [], "marker.opacity": [] };
    map.data.forEach((trace, at) => {
      if (trace.type !== "scattergl") return;
      const { color, opacity } = trace.marker;
      if (typeof color !== "string") ownColors.set(trace, color);
      const look = traceLook(trace, ownColors.get(trace), open, known, map.layout.meta);
      if (color === look.color && opacity === look.opacity) return;
      traces.push(at);
      changes["marker.color"].push(look.color);
      changes["marker.opacity"].push(look.opacity);
    });
    if (traces.length) await window.Plotly.restyle(map, changes, traces);
  };

  /* The users of the open segment among those drawn, by cluster: the others are grey. */
  let inSegment = null;
  let hovers = 0;
  const marked = new WeakSet();
  const markSegment = async (map) => {
    if (!inSegment && !marked.has(map)) return;
    const traces = map.data.flatMap((trace, at) => (trace.type === "scattergl" ? [at] : []));
    const wanted = traces.map((at) => (inSegment ? inSegment[map.data[at].meta] || [] : null));
    const now = traces.map((at) => map.data[at].selectedpoints ?? null);
    if (same(now, wanted)) return;
    if (inSegment) marked.add(map);
    else marked.delete(map);
    await window.Plotly.restyle(map, { selectedpoints: wanted }, traces);
    if (!inSegment && (map.layout.selections || []).length) await window.Plotly.relayout(map, { selections: [] });
  };

  /* Each user who was found or picked has a ring; one who is not drawn has none. */
  const ringFound = async (map) => {
    const rings = [...document.querySelectorAll("#found-users code")].flatMap(({ textContent: user }) => {
      const at = map.data.findIndex((trace) => trace.customdata && trace.customdata.includes(user));
      if (at < 0) return [];
      const { x, y, customdata } = map._fullData[at];
      const place = customdata.indexOf(user);
      return { type: "circle", xsizemode: "pixel", ysizemode: "pixel", xanchor: x[place], yanchor: y[place], x0: -9, x1: 9, y0: -9, y1: 9, line: { width: 3 } };
    });
    /* The results stand where they cover no ring. */
    const middle = map._fullLayout.height / 2;
    const low = rings.some(({ yanchor }) => map._fullLayout.yaxis._offset + map._fullLayout.yaxis.d2p(yanchor) > middle);
    document.querySelector("#found-users").classList.toggle("above", low);
    const places = (shapes) => (shapes || []).map(({ xanchor, yanchor }) => [xanchor, yanchor]);
    await apply("relayout", map, same(places(rings), places(map.layout.shapes)) ? {} : { shapes: rings });
  };

  /* After every drawing the map is put right: after a click, on another size, with other colours. Two rounds do, the second
     of which finds nothing to change; what is drawn meanwhile takes more. The limit only ends what would never settle. */
  let settling = false;
  let due = null;
  const settle = async (map) => {
    if (!map.layout.meta) return;
    due = map;
    if (settling) return;
    settling = true;
    try {
      for (let rounds = 0; due && rounds < 20; rounds += 1) {
        const now = due;
        due = null;
        for (const step of [dimOthers, markSegment, ringFound, placeLabels]) if (now.isConnected) await step(now);
      }
    } finally {
      settling = false;
    }
  };
  const watched = new WeakSet();
  const watchMap = (map) => {
    if (watched.has(map)) return;
    watched.add(map);
    map.on("plotly_afterplot", () => settle(map));
    settle(map);
  };

  /* Map and table follow once the card has been painted. */
  const follow = async (open) => {
    await painted();
    if (open !== openNow()) return;
    markRow();
    const map = mapDrawn();
    if (map) await settle(map);
  };

  /* Plotly takes long to set up: that is done while the server makes the page, not when it has come. Dash waits for what
     stands in its place at once: otherwise it would fetch a copy of its own, and two of them spoil each other's drawings. */
  const whenIdle = window.requestIdleCallback || ((work) => setTimeout(work, 0)); // Safari has none
  const setUpPlotly = () => {
    window.Plotly ||= new Promise((done, failed) => {
      const script = document.createElement("script");
      Object.assign(script, { src: document.getElementById("plotly").href, onload: done, onerror: failed });
      whenIdle(() => document.head.append(script), { timeout: 300 });
    });
  };

  /* A toast disappears after a while: later while it is hovered or focused, and only when dismissed where it must stay. */
  const TOAST_MS = 8000;
  let going = 0;
  const letGo = () => {
    clearTimeout(going);
    const toast = document.querySelector("#toast");
    if (!toast.firstChild || toast.querySelector(".stays")) return;
    const isHeld = () => toast.matches(":hover") || toast.querySelector(":focus-visible");
    going = setTimeout(() => (isHeld() ? letGo() : own.set_props("toast", { children: null })), TOAST_MS);
  };

  own.grupa = {
    /* The address, taken apart; each part changes only when it says something else. */
    read_address: (pathname, search, names, saved, where, selection, planning) => {
      const path = pathname && pageOf(pathname, root);
      const asked = paramsOf(search);
      if (path && path !== "/data") setUpPlotly();
      /* A saved plan shows on the roadmap only: other pages need not be built again. */
      const changed = path === "/roadmap" ? `${names} ${saved}` : `${names}`;
      return [
        path ? unless({ path, snapshot: asked.get("snapshot"), changed }, where) : unchanged(),
        unless({ cluster: asked.get("cluster") || "", segment: asked.get("segment") || "" }, selection),
        unless({ plan: asked.get("plan") || "" }, planning),
      ];
    },

    /* A click on a point, label, card, name or row opens a cluster, in place of a selection that was open. */
    open: (clicks, point, label, search) => {
      const trigger = triggered();
      if (!trigger) return [unchanged(), unchanged(), unchanged()];
      const source = trigger.prop_id;
      const opened = (cluster) => {
        if (cluster) showPanel();
        return [address({ cluster, segment: "" }, search), unchanged(), document.querySelector("#segment-body") ? null : unchanged()];
      };
      if (source.startsWith("{")) {
        focusOn("#panel h2");
        return opened(idOf(trigger).cluster);
      }
      if (source === "map.clickAnnotationData") return opened(label.annotation.name);
      const { customdata: id, curveNumber } = point.points[0];
      const cluster = mapDrawn().data[curveNumber].meta;
      const [where, , selection] = cluster ? opened(cluster) : [unchanged(), null, unchanged()];
      return [where, { id, cluster }, selection];
    },
    /* What is asked of the server: a lasso, a filter, or the empty form. A saved segment stands in the address. */
    select: (clicks, area, values, ids, selection, search) => {
      const trigger = triggered();
      if (!trigger) return [unchanged(), unchanged()];
      const asked = { at: Date.now() };
      if (trigger.prop_id === "map.selectedData") {
        if (!area || !area.lassoPoints) return [unchanged(), unchanged()];
        showPanel();
        return [unchanged(), { ...asked, what: "area", ...thinOutline(area.lassoPoints) }];
      }
      const { what, of } = idOf(trigger);
      if (what === "open") {
        showPanel();
        return [address({ segment: of, cluster: "" }, search), unchanged()];
      }
      focusOn("#panel h2");
      if (what === "new") return [unchanged(), { ...asked, what }];
      const fields = Object.fromEntries(ids.map(({ name }, at) => [name, values[at]]));
      return [unchanged(), { ...asked, what: "rule", fields, of: (selection && selection.segment) || "" }];
    },
    /* The server is asked about a user only when the pointer rests on them. */
    hover: async (point) => {
      const at = (hovers += 1);
      const { customdata: id, curveNumber } = (point && point.points[0]) || {};
      await new Promise((done) => setTimeout(done, 200));
      if (at !== hovers || typeof id !== "string") return unchanged();
      return { id, cluster: mapDrawn().data[curveNumber].meta };
    },
    draw_segment: (drawn) => {
      inSegment = drawn || null;
      const map = mapDrawn();
      if (map) settle(map);
      return unchanged();
    },
    segment_link: () => window.location.href,
    ring: () => {
      painted().then(() => {
        const map = mapDrawn();
        if (map) settle(map);
      });
    },
    /* The table is laid once the map is drawn: it stands below, and takes as long as all the cards. */
    lay_table: async (table) => {
      if (!table) return unchanged();
      for (let frames = 0; frames < 300 && !mapDrawn(); frames += 2) await painted();
      if (mapDrawn()) watchMap(mapDrawn());
      return table.grid;
    },

    /* Everything but the map that shows what is open, without asking the server; a selection is counted there. */
    show: (selection, request, panels, cards) => {
      const byRequest = own.callback_context.triggered.some(({ prop_id: source }) => source === "segment.data");
      const saved = selection && selection.segment;
      const asked = byRequest && request ? request : saved ? { what: "saved", of: saved } : null;
      const open = (!asked && selection && selection.cluster) || "";
      const known = Object.hasOwn(panels, open);
      inSegment = null;
      follow(openNow());
      if (asked) {
        const wait = structuredClone(panels.segment);
        for (const store of wait.props.children.slice(0, 2)) store.props.data = asked;
        return [wait, "panel open", cards.map(() => "false")];
      }
      return [
        panels[known ? open : ""],
        known && open ? "panel open" : "panel",
        cards.map((card) => (card.cluster === open ? "true" : "false")),
      ];
    },

    /* Dash also calls this when the picker is put on the page: then nothing was picked. */
    pick_snapshot: (day, days, search) => {
      const shown = paramsOf(search).get("snapshot") || (days.length && days[0].value);
      return day && day !== shown ? address({ snapshot: day, cluster: "", plan: "" }, search) : unchanged();
    },
    /* What the dialog is asked to show; the server is only asked when somebody asked. */
    ask: () => {
      const trigger = triggered();
      if (!trigger) return unchanged();
      const asked = idOf(trigger);
      if (asked.type === "compare") return { what: "compare", of: `${asked.cluster} ${trigger.value}`, at: Date.now() };
      return { what: asked.what, of: asked.of, at: Date.now() };
    },
    plan: (clicks, search) => {
      const trigger = triggered();
      return trigger ? address({ plan: `new:${idOf(trigger).recommendation}` }, search) : unchanged();
    },
    open_plan: (clicks, search) => {
      const trigger = triggered();
      return trigger ? address({ plan: idOf(trigger).plan }, search) : unchanged();
    },
    replan: (clicks) => {
      const trigger = triggered();
      if (!trigger) return unchanged();
      const what = idOf(trigger).type;
      if (what === "reload-plan") asOpened = null;
      return { what, of: idOf(trigger), at: Date.now() };
    },
    save_plan: async (clicks) => {
      const trigger = triggered();
      if (!trigger) return unchanged();
      await allReported();
      return { plan: idOf(trigger).plan, at: Date.now() };
    },
    after_save: (saved, search) => (saved ? address({ plan: "" }, search) : unchanged()),
    /* The drawer opens at once and says what is coming. */
    drawer: (planning) => {
      const open = Boolean(planning && planning.plan);
      if (open && !planning.plan.startsWith(UNSAVED)) asOpened = null;
      if (open && document.querySelector("#toast .reopen")) own.set_props("toast", { children: null });
      const part = (className, children) => ({ namespace: "dash_html_components", type: "Div", props: { className, children } });
      const lines = ["skeleton-numbers", "skeleton-line", "skeleton-line short", "skeleton-block", "skeleton-block"].map((each) => part(`skeleton ${each}`));
      const wait = part("planner", [part("quiet", "Measuring the baseline and sizing the test…"), ...lines]);
      wait.props["aria-busy"] = "true";
      return [open, open ? wait : unchanged()];
    },
    let_go: () => {
      painted().then(letGo);
    },
    dismiss: (clicks) => (triggered() ? null : unchanged()),
    opened_draft: (draft) => {
      if (draft && !(asOpened && asOpened.plan_id === draft.plan_id)) asOpened = draft;
    },
    close_plan: (opened, search, draft) => {
      const plan = paramsOf(search).get("plan");
      if (opened !== false || !plan) return [unchanged(), unchanged()];
      const back = plan.startsWith(UNSAVED) ? plan : UNSAVED + plan;
      return [address({ plan: "" }, search), isEdited(draft) ? { plan: back, at: Date.now() } : unchanged()];
    },

    /* The roadmap: which view, which plans, what is done with the selected one. */
    views: (view) => ["table", "board", "timeline"].map((each) => each !== view),
    filter_plans: (text, options) => ({ ...options, quickFilterText: text || "" }),
    enable_tools: (rows, ids) => ids.map(() => !(rows && rows.length)),
    plan_tool: (clicks, rows, search) => {
      const trigger = triggered();
      if (!trigger || !rows || !rows.length) return [unchanged(), unchanged()];
      const what = idOf(trigger).what;
      const plan = rows[0].plan_id;
      if (what === "open") return [unchanged(), address({ plan }, search)];
      if (what === "duplicate" || what === "remove") return [{ what, plan, at: Date.now() }, unchanged()];
      window.open(`${root}/export/plan/${encodeURIComponent(plan)}/${what}.json`, "_blank");
      return [unchanged(), unchanged()];
    },

    rail: (where, ids) => (where ? railLinks(where, ids, root) : [ids.map(unchanged), ids.map(unchanged)]),

    /* Light and dark: what was chosen before, else what the system asks for. */
    scheme: (stored) => {
      const dark = stored ? stored === "dark" : window.matchMedia("(prefers-color-scheme: dark)").matches;
      document.body.dataset.agThemeMode = dark ? "dark" : "light";
      return dark ? "dark" : "light";
    },
    switch_scheme: (clicks, now) => (clicks ? (now === "dark" ? "light" : "dark") : unchanged()),
  };

  /* The tools of the map are one stop of the Tab key, as those of any toolbar are; arrow keys move among them. */
  const toolsBeside = (tool) => [...(tool.closest?.(".modebar")?.querySelectorAll(".modebar-btn") ?? [])];
  document.addEventListener("focusin", (event) => {
    for (const tool of toolsBeside(event.target)) tool.tabIndex = tool === event.target ? 0 : -1;
  });
  document.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const tools = step ? toolsBeside(event.target) : [];
    if (!tools.length) return;
    event.preventDefault();
    tools[(tools.indexOf(event.target) + step + tools.length) % tools.length].focus();
  });

  /* Dragging plans on the board; the buttons and lists of each card do the same. */
  const card = (event) => event.target.closest && event.target.closest(".plan-card");
  const column = (event) => event.target.closest && event.target.closest(".board-column");
  document.addEventListener("dragstart", (event) => {
    if (card(event)) event.dataTransfer.setData("text/plain", card(event).dataset.plan);
  });
  document.addEventListener("dragover", (event) => {
    if (column(event)) event.preventDefault();
  });
  document.addEventListener("drop", (event) => {
    if (!column(event)) return;
    event.preventDefault();
    const plan = event.dataTransfer.getData("text/plain");
    const before = card(event) ? card(event).dataset.plan : null;
    if (!plan || plan === before) return;
    own.set_props("dropped", { data: { plan, before, status: column(event).dataset.status, at: Date.now() } });
  });
})();
