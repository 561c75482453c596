const test = require("node:test");
const assert = require("node:assert/strict");

const grupa = require("../../dash_app/assets/grupa.js");

const trigger = (id, value = 1) => ({ prop_id: `${JSON.stringify(id)}.n_clicks`, value });

test("an address keeps its other parameters, and an empty value removes one", () => {
  assert.equal(grupa.changedSearch({ cluster: "C01" }, "?snapshot=2026-03-09"), "?snapshot=2026-03-09&cluster=C01");
  assert.equal(grupa.changedSearch({ cluster: "" }, "?cluster=C01&plan=p"), "?plan=p");
  assert.equal(grupa.changedSearch({ plan: "" }, "?plan=p"), "");
  assert.equal(grupa.changedSearch({ plan: "new:R&1" }, undefined), "?plan=new%3AR%261");
});

test("of several inputs the one that was clicked last counts", () => {
  const [one, other] = [trigger({ type: "open", cluster: "C01" }), trigger({ type: "open", cluster: "C02" })];
  assert.equal(grupa.lastClicked([one, other], JSON.stringify({ type: "open", cluster: "C02" })), other);
  assert.equal(grupa.lastClicked([one, other], "{elsewhere"), one);
});

test("inputs without a value, such as buttons that only appear, trigger nothing", () => {
  assert.equal(grupa.lastClicked([trigger({ type: "open" }, 0), trigger({ type: "open" }, null)], ""), null);
});

test("the id of a component is read from what triggered, dots in it included", () => {
  const id = { type: "show", of: "C01 E.1", what: "evidence" };
  assert.deepEqual(grupa.idOf(trigger(id)), id);
});

test("a label stands over its cluster where there is room", () => {
  const box = { x: 200, y: 200, width: 80, height: 20 };
  const place = grupa.roomFor(box, [], { width: 600, height: 400 });
  assert.deepEqual([place.left, place.top], [160, 174]);
});

test("a label covers no earlier one and stays inside the map", () => {
  const size = { width: 600, height: 400 };
  const taken = [];
  for (let number = 0; number < 8; number += 1) {
    const box = { x: 595, y: 200, width: 80, height: 20 };
    const { left, top } = grupa.roomFor(box, taken, size);
    assert.ok(left >= 0 && left + box.width <= size.width && top >= 0 && top + box.height <= size.height);
    for (const each of taken) {
      const apart = left + 80 < each.left || each.right < left || top + 20 < each.top || each.bottom < top;
      assert.ok(apart, `label ${number} covers another`);
    }
    taken.push({ left, top, right: left + 80, bottom: top + 20 });
  }
});

test("where there is no room at all a label stands over its cluster", () => {
  const full = [{ left: -1000, top: -1000, right: 2000, bottom: 2000 }];
  const place = grupa.roomFor({ x: 200, y: 200, width: 80, height: 20 }, full, { width: 600, height: 400 });
  assert.deepEqual([place.left, place.top], [160, 174]);
});

test("an outline has at most 100 corners of six digits", () => {
  const values = Array.from({ length: 950 }, (_, at) => at + 0.123456789);
  const thin = grupa.thinOutline({ x: values, y: values });
  assert.equal(thin.x.length, 95);
  assert.equal(thin.x.length, thin.y.length);
  assert.equal(thin.x[0], 0.123457);
  assert.deepEqual(grupa.thinOutline({ x: [1, 2, 3], y: [4, 5, 6] }), { x: [1, 2, 3], y: [4, 5, 6] });
});

test("other clusters are dimmed only while a known one is open", () => {
  const meta = { colors: { "": "grey", C01: "red", C02: "blue" }, dimmed: { color: "grey", opacity: 0.12 } };
  const trace = (cluster, marker = {}) => ({ meta: cluster, marker });
  assert.deepEqual(grupa.traceLook(trace("C01"), undefined, "C01", true, meta), { color: "red", opacity: 0.8 });
  assert.deepEqual(grupa.traceLook(trace("C02"), undefined, "C01", true, meta), meta.dimmed);
  assert.deepEqual(grupa.traceLook(trace("C02"), undefined, "", false, meta), { color: "blue", opacity: 0.8 });
  assert.deepEqual(grupa.traceLook(trace(""), undefined, "", false, meta), { color: "grey", opacity: 0.45 });
});

test("those in no cluster stand out while they are open", () => {
  const meta = { colors: { "": "grey", C01: "red" }, dimmed: { color: "grey", opacity: 0.12 } };
  assert.deepEqual(grupa.traceLook({ meta: "", marker: {} }, undefined, "", true, meta), { color: "grey", opacity: 1 });
  assert.deepEqual(grupa.traceLook({ meta: "C01", marker: {} }, undefined, "", true, meta), meta.dimmed);
});

test("a trace coloured by a feature keeps its own colours", () => {
  const meta = { colors: {}, dimmed: { color: "grey", opacity: 0.12 } };
  const values = [1, 2, 3];
  const trace = { meta: "", marker: { coloraxis: "coloraxis" } };
  assert.deepEqual(grupa.traceLook(trace, values, "", false, meta), { color: values, opacity: 0.8 });
});

test("links of the rail keep the snapshot and mark the page", () => {
  const ids = [{ path: "/" }, { path: "/roadmap" }];
  const [links, classes] = grupa.railLinks({ path: "/roadmap", snapshot: "2026-03-09" }, ids);
  assert.deepEqual(links, ["/?snapshot=2026-03-09", "/roadmap?snapshot=2026-03-09"]);
  assert.deepEqual(classes, ["rail-link", "rail-link here"]);
  assert.deepEqual(grupa.railLinks({ path: "/" }, ids)[0], ["/", "/roadmap"]);
});

test("below a proxy's path links have it in front, and pages go without", () => {
  assert.deepEqual(grupa.railLinks({ path: "/", snapshot: "" }, [{ path: "/" }, { path: "/data" }], "/grupa")[0], ["/grupa/", "/grupa/data"]);
  assert.deepEqual(["/grupa/", "/grupa", "/grupa/data", "/data", "/grupas"].map((path) => grupa.pageOf(path, "/grupa")), ["/", "/", "/data", "/data", "/grupas"]);
  assert.equal(grupa.pageOf("/data", ""), "/data");
});

test("values are compared by content", () => {
  assert.ok(grupa.same({ a: [1] }, { a: [1] }));
  assert.ok(!grupa.same({ a: [1] }, { a: [2] }));
});
