/* What happens in the browser alone: the selection in the address, dimming, themes. No data is fetched here. */
(() => {
  /* This file runs before Dash's own scripts, which keep what is already there. */
  const own = (window.dash_clientside = window.dash_clientside || {});
  const kept = () => own.no_update;
  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
  const unless = (value, current) => (same(value, current) ? kept() : value);
  const wanted = (search) => new URLSearchParams(search || "");
  const address = (changes, search) => {
    const params = wanted(search);
    for (const [name, value] of Object.entries(changes)) {
      if (value) params.set(name, value);
      else params.delete(name);
    }
    const text = params.toString();
    return unless(text ? `?${text}` : "", search || "");
  };
  const triggered = () => {
    const found = own.callback_context.triggered.filter((each) => each.value);
    return found.length ? found[0] : null;
  };
  const idOf = (trigger) => JSON.parse(trigger.prop_id.slice(0, trigger.prop_id.lastIndexOf(".")));

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

  const changed = (selector, most) =>
    new Promise((done) => {
      const watch = new MutationObserver(() => finish());
      const finish = () => {
        watch.disconnect();
        setTimeout(done, 0);
      };
      const part = document.querySelector(selector);
      if (part) watch.observe(part, { childList: true });
      setTimeout(finish, most);
    });

  own.grupa = {
    /* The address, taken apart; each part changes only when it says something else. */
    where: (path, search, names, saved, current) => {
      /* A saved plan shows on the roadmap only: other pages need not be built again. */
      const changed = path === "/roadmap" ? `${names} ${saved}` : `${names}`;
      return path ? unless({ path, snapshot: wanted(search).get("snapshot"), changed }, current) : kept();
    },
    selection: (search, current) => unless({ cluster: wanted(search).get("cluster") || "" }, current),
    planning: (search, current) => unless({ plan: wanted(search).get("plan") || "" }, current),

    /* A click on a point, label, card, name or row opens a cluster. */
    open: (clicks, point, label, rows, search, figure) => {
      const trigger = triggered();
      if (!trigger) return [kept(), kept()];
      const source = trigger.prop_id;
      if (source.startsWith("{")) focusOn("#panel h2");
      if (source.startsWith("{")) return [address({ cluster: idOf(trigger).cluster }, search), kept()];
      if (source === "map.clickAnnotationData") return [address({ cluster: label.annotation.name }, search), kept()];
      if (source === "map.clickData") {
        const at = point.points[0];
        const [user, cluster] = Array.isArray(at.customdata) ? at.customdata : [at.customdata, figure.data[at.curveNumber].meta];
        return [cluster ? address({ cluster }, search) : kept(), { id: user }];
      }
      return [rows && rows.length ? address({ cluster: rows[0].cluster }, search) : kept(), kept()];
    },

    /* Everything but the map that shows what is open, without asking the server. */
    show: (selection, cards) => {
      const open = (selection && selection.cluster) || "";
      const known = cards.some((card) => card.cluster === open);
      return [
        known ? "panel open" : "panel",
        cards.map((card) => (card.cluster === open ? "true" : "false")),
        known ? { ids: [open] } : [],
      ];
    },

    /* The others are dimmed, not hidden. Drawing the map again takes its time: the card goes first. */
    dim: async (selection, figure) => {
      await changed("#panel", 400);
      const open = (selection && selection.cluster) || "";
      const known = figure.data.some((trace) => trace.meta && trace.meta === open);
      const data = figure.data.map((trace) => {
        if (trace.type !== "scattergl" || typeof trace.marker.opacity !== "number") return trace;
        const lit = !known || trace.meta === open;
        const opacity = lit ? (trace.meta ? 0.8 : 0.45) : 0.12;
        return { ...trace, marker: { ...trace.marker, opacity } };
      });
      return { ...figure, data };
    },

    /* The lasso's outline, thinned to 100 corners: the server asks who of all users is inside. */
    area: (selected) => {
      const outline = selected && selected.lassoPoints;
      if (!outline) return null;
      const step = Math.max(1, Math.ceil(outline.x.length / 100));
      const thin = (values) => values.filter((_, at) => at % step === 0).map((each) => Number(each.toPrecision(6)));
      return { x: thin(outline.x), y: thin(outline.y) };
    },

    /* Dash also calls this when the picker is put on the page: then nothing was picked. */
    pick_snapshot: (day, days, search) => {
      const shown = wanted(search).get("snapshot") || (days.length && days[0].value);
      return day && day !== shown ? address({ snapshot: day, cluster: "", plan: "" }, search) : kept();
    },
    /* What the dialog is asked to show; the server is only asked when somebody asked. */
    ask: () => {
      const trigger = triggered();
      if (!trigger) return kept();
      const asked = idOf(trigger);
      if (asked.type === "compare") return { what: "compare", of: `${asked.cluster} ${trigger.value}`, at: Date.now() };
      return { what: asked.what, of: asked.of, at: Date.now() };
    },
    plan: (clicks, search) => {
      const trigger = triggered();
      return trigger ? address({ plan: `new:${idOf(trigger).recommendation}` }, search) : kept();
    },
    open_plan: (clicks, search) => {
      const trigger = triggered();
      return trigger ? address({ plan: idOf(trigger).plan }, search) : kept();
    },
    after_save: (saved, search) => (saved ? address({ plan: "" }, search) : kept()),
    /* The drawer opens at once and says what is coming. */
    drawer: (planning) => {
      const open = Boolean(planning && planning.plan);
      const wait = { namespace: "dash_html_components", type: "P", props: { children: "Measuring the baseline and sizing the test…", className: "quiet", "aria-busy": "true" } };
      return [open, open ? wait : kept()];
    },
    dismiss: (clicks) => (triggered() ? null : kept()),
    close_plan: (opened, search) => (opened === false ? address({ plan: "" }, search) : kept()),

    /* The roadmap: which view, which plans, what is done with the selected one. */
    views: (view) => ["table", "board", "timeline"].map((each) => each !== view),
    filter_plans: (text, options) => ({ ...options, quickFilterText: text || "" }),
    enable_tools: (rows, ids) => ids.map(() => !(rows && rows.length)),
    plan_tool: (clicks, rows, search) => {
      const trigger = triggered();
      if (!trigger || !rows || !rows.length) return [kept(), kept()];
      const what = idOf(trigger).what;
      const plan = rows[0].plan_id;
      if (what === "open") return [kept(), address({ plan }, search)];
      if (what === "duplicate" || what === "remove") return [{ what, plan, at: Date.now() }, kept()];
      window.open(`/export/plan/${encodeURIComponent(plan)}/${what}.json`, "_blank");
      return [kept(), kept()];
    },

    /* Links keep the snapshot, and the one of this page is marked. */
    rail: (path, search, ids) => {
      const snapshot = wanted(search).get("snapshot");
      return [
        ids.map((id) => id.path + (snapshot ? `?snapshot=${encodeURIComponent(snapshot)}` : "")),
        ids.map((id) => (id.path === path ? "rail-link here" : "rail-link")),
      ];
    },

    /* Light and dark: what was chosen before, else what the system asks for. */
    scheme: (stored) => {
      const dark = stored ? stored === "dark" : window.matchMedia("(prefers-color-scheme: dark)").matches;
      document.body.dataset.agThemeMode = dark ? "dark" : "light";
      return dark ? "dark" : "light";
    },
    switch_scheme: (clicks, now) => (clicks ? (now === "dark" ? "light" : "dark") : kept()),
  };

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
