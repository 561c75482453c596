const test = require("node:test");
const assert = require("node:assert/strict");

const { isNews } = require("../../dash_app/assets/watch.js");

test("only a snapshot other than the one seen before is news", () => {
  assert.equal(isNews(null, "2026-03-10T02:00:00"), false);
  assert.equal(isNews("2026-03-10T02:00:00", "2026-03-10T02:00:00"), false);
  assert.equal(isNews("2026-03-10T02:00:00", null), false);
  assert.equal(isNews("2026-03-10T02:00:00", "2026-03-11T02:00:00"), true);
});
