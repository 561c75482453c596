/* Notifies an open page: a newer snapshot was published, or the session has ended. */
(() => {
  /* Whether a snapshot published at `made` is newer than the one seen before; the first look only remembers. */
  const isNews = (seen, made) => Boolean(seen && made && made !== seen);

  if (typeof module === "object" && module.exports) {
    module.exports = { isNews };
    return;
  }

  const own = (window.dash_clientside = window.dash_clientside || {});
  const EVERY = 30000;
  let seen = null;
  let signedOut = false;

  const notify = (words, link, href) => {
    own.set_props("news-words", { children: words });
    own.set_props("news-go", { children: link, href });
    own.set_props("news", { hidden: false });
  };
  /* Asked for again, this address leads through the sign-in and back. */
  const sessionEnded = () => {
    signedOut = true;
    notify("Your session has ended; what you do here is not saved.", "Sign in again", location.pathname + location.search);
  };

  /* Also what the page asks for by itself is answered with 401 then. */
  const plain = window.fetch.bind(window);
  window.fetch = async (...asked) => {
    const answer = await plain(...asked);
    if (answer.status === 401 && !signedOut) sessionEnded();
    const needed = answer.status === 403 && answer.headers.get("X-Grupa-Needs-Role");
    if (needed) notify(`You may not do that: it needs the role ${needed}. Nothing was changed.`, "Reload the page", location.pathname + location.search);
    return answer;
  };

  const look = async () => {
    if (document.hidden || signedOut) return;
    const answer = await window.fetch(own.grupaAddress("/news")).catch(() => null);
    if (!answer || !answer.ok) return;
    const { made, day } = await answer.json();
    if (isNews(seen, made)) notify(`The snapshot of ${day} has been published.`, "Show it", location.pathname);
    seen = seen || made || "nothing yet";
  };
  document.addEventListener("visibilitychange", look);
  document.addEventListener("click", (event) => {
    if (event.target.closest && event.target.closest("#news-later")) {
      seen = null;
      own.set_props("news", { hidden: true });
    }
  });
  setInterval(look, EVERY);
  look();
})();
