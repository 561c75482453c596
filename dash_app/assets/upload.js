/* Sends logs to the server: dropped or chosen, one after the other, straight from the disk. Nothing is read into memory. */
(() => {
  /* The reason in a refusal's JSON; `fallback` where the answer holds none. */
  const refusalReason = (text, fallback) => {
    try {
      return JSON.parse(text).error || fallback;
    } catch {
      return fallback;
    }
  };
  const percentSent = (sent, size) => Math.floor((100 * sent) / size);
  const progressText = (name, percent, queued) => `Sending ${name}: ${percent}%${queued ? `, ${queued} more to come` : ""}`;

  if (typeof module === "object" && module.exports) {
    module.exports = { percentSent, progressText, refusalReason };
    return;
  }

  const own = (window.dash_clientside = window.dash_clientside || {});
  const queue = [];
  let current = null;

  /* The Data page may be left meanwhile: what shows the upload is then not there, and sending goes on. */
  const show = (id, props) => document.getElementById(id) && own.set_props(id, props);
  const say = (problem) => show("upload-problem", { children: problem });
  const zone = (event) => event.target.closest && event.target.closest("#drop");
  const carriesFiles = (event) => event.dataTransfer && [...event.dataTransfer.types].includes("Files");
  const light = (on) => {
    const drop = document.getElementById("drop");
    if (drop) drop.classList.toggle("over", on);
  };

  const announce = async (file) => {
    const answer = await fetch(own.grupaAddress("/uploads"), {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ name: file.name, size: file.size }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(refusalReason(text, `${file.name} was refused by the server (${answer.status}).`));
    return JSON.parse(text).token;
  };

  const send = (file, token) =>
    new Promise((done, failed) => {
      const request = new XMLHttpRequest();
      current = request;
      const move = (sent) => {
        const percent = percentSent(sent, file.size);
        show("upload-progress", { hidden: false });
        show("upload-bar", { value: String(percent) });
        show("upload-words", { children: progressText(file.name, percent, queue.length) });
      };
      request.upload.onprogress = (event) => move(event.loaded);
      request.onload = () => (request.status === 200 ? done() : failed(new Error(refusalReason(request.responseText, `${file.name} was refused by the server (${request.status}).`))));
      request.onerror = () => failed(new Error(`${file.name} did not arrive: the connection broke. Nothing of it was stored; drop it again.`));
      request.onabort = () => failed(new Error(`${file.name} was stopped; nothing of it was stored.`));
      request.open("PUT", own.grupaAddress(`/uploads/${token}`));
      request.setRequestHeader("Content-Type", "application/octet-stream");
      move(0);
      request.send(file);
    });

  const work = async () => {
    if (current) return;
    current = true;
    const problems = [];
    while (queue.length) {
      const file = queue.shift();
      try {
        await send(file, await announce(file));
      } catch (error) {
        problems.push(error.message);
        say(problems.join(" "));
      }
      show("data-act", { data: { at: Date.now() } });
    }
    current = null;
    show("upload-progress", { hidden: true });
  };
  const take = (files) => {
    say("");
    queue.push(...files);
    work();
  };

  document.addEventListener("dragover", (event) => {
    if (!carriesFiles(event) || !document.getElementById("drop")) return;
    event.preventDefault(); /* beside the zone too: a log dropped there must not replace the page */
    light(Boolean(zone(event)));
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) light(false);
  });
  document.addEventListener("drop", (event) => {
    if (!carriesFiles(event) || !document.getElementById("drop")) return;
    event.preventDefault();
    light(false);
    if (zone(event)) take(event.dataTransfer.files);
  });
  document.addEventListener("click", (event) => {
    if (event.target.id === "upload-choose") {
      const input = Object.assign(document.createElement("input"), { type: "file", multiple: true, accept: ".csv,.tsv,.tab,.txt,.log,.json,.jsonl,.ndjson,.parquet,.pq,.gz,.zst,.zip" });
      input.onchange = () => take(input.files);
      input.click();
    }
    if (event.target.id === "upload-stop" && current && current.abort) {
      queue.length = 0;
      current.abort();
    }
  });
  window.addEventListener("beforeunload", (event) => {
    if (current) event.preventDefault();
  });
})();
