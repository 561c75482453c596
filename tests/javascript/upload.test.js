const test = require("node:test");
const assert = require("node:assert/strict");

const { percentSent, progressText, refusalReason } = require("../../dash_app/assets/upload.js");

test("a refusal's reason is shown, and the fallback where the answer has none", () => {
  assert.equal(refusalReason('{"error": "too large"}', "refused"), "too large");
  for (const text of ["{}", '{"error": ""}', "<html>", ""]) assert.equal(refusalReason(text, "refused"), "refused");
});

test("the percentage reaches 100 only when everything was sent", () => {
  assert.deepEqual([percentSent(0, 300), percentSent(299, 300), percentSent(300, 300)], [0, 99, 100]);
});

test("the progress names the file and counts those that wait", () => {
  assert.equal(progressText("log.csv", 42, 0), "Sending log.csv: 42%");
  assert.ok(progressText("log.csv", 42, 2).includes("2 more"));
});
