"use strict";
// Everything works without this script. With it, ages grow, tables can be filtered, and what is marked `data-live` is
// brought up to date every five seconds, while somebody looks at it and without touching what he has in hand.

(() => {
  const EVERY = 5000;
  const PATIENCE = 10000; // milliseconds until a server that says nothing counts as one that does not answer
  const AGE_UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  let tag = null;
  let isAsking = false;
  let said = ""; // the title before there was trouble
  let upToDate = ""; // when the page was last as the server has it
  let drift = 0; // milliseconds that the server's clock is ahead of this one's

  const clock = () => new Date(Date.now() + drift);

  // To its greatest unit, as the server writes it.
  const lasting = (seconds) => {
    const rest = Math.max(0, Math.round(seconds));
    const [size, unit] = AGE_UNITS.find(([each]) => rest >= each) || [1, "s"];
    return `${Math.floor(rest / size)} ${unit}`;
  };

  const written = (at) => at.toISOString().slice(0, 19).replace("T", " ") + "Z";

  const growAges = () => {
    const now = clock();
    for (const age of document.querySelectorAll("time + .age")) {
      const seconds = (now - new Date(age.previousElementSibling.dateTime)) / 1000;
      const text = seconds < 0 ? `in ${lasting(-seconds)}` : `${lasting(seconds)} ago`;
      if (age.textContent !== text) age.textContent = text;
    }
    for (const bar of document.querySelectorAll("[data-since] > .bar")) {
      const { since, promised } = bar.parentElement.dataset;
      const share = (now - new Date(since)) / 1000 / Number(promised);
      bar.value = Math.max(2, Math.min(100, Math.round(share * 100)));
      bar.className = `bar${share > 1 ? " over" : share > 0.8 ? " near" : ""}`;
    }
    for (const shown of document.querySelectorAll("time[data-clock]")) shown.textContent = written(now);
  };

  const takeClock = (page) => {
    const shown = page.querySelector("time[data-clock]");
    if (shown) drift = new Date(shown.dateTime) - Date.now();
  };

  // What somebody has in hand: the focus, or a selection that is not empty.
  const isInHand = (element) => {
    const chosen = document.getSelection();
    const isSelected = chosen && !chosen.isCollapsed && chosen.containsNode(element, true);
    return isSelected || element.contains(document.activeElement);
  };

  const openFolds = () => new Set([...document.querySelectorAll("details[open][id]")].map((each) => each.id));

  const plain = (element) => {
    const copy = element.cloneNode(true);
    for (const each of copy.querySelectorAll(".age, .bar, [data-clock]")) each.remove();
    for (const each of copy.querySelectorAll("details, [hidden], .fresh")) {
      each.removeAttribute("open");
      each.removeAttribute("hidden");
      each.classList.remove("fresh");
      if (!each.className) each.removeAttribute("class");
    }
    return copy.outerHTML;
  };

  // False where a part was held back, since somebody has it in hand.
  const replace = (old, fresh) => {
    if (plain(old) === plain(fresh)) return true;
    if (!isInHand(old)) {
      const folds = openFolds();
      const known = new Set([...old.querySelectorAll("tr[id]")].map((row) => row.id));
      for (const fold of fresh.querySelectorAll("details[id]")) fold.open = folds.has(fold.id);
      if (known.size) for (const row of fresh.querySelectorAll("tr[id^=c]")) if (!known.has(row.id)) row.classList.add("fresh");
      old.replaceWith(fresh);
      return true;
    }
    // Somebody holds a part of it: only its other rows are exchanged, each in its place.
    for (const row of fresh.querySelectorAll("[data-live][id]")) {
      const before = document.getElementById(row.id);
      if (before && old.contains(before) && !isInHand(before) && plain(before) !== plain(row)) before.replaceWith(row);
    }
    return plain(old) === plain(fresh);
  };

  const say = (text) => {
    const said = document.getElementById("said");
    if (said && said.textContent !== text) said.textContent = text;
  };

  // One question at a time: a server that is slow is not asked faster than it answers.
  const bringUpToDate = async () => {
    if (isAsking || document.hidden || !document.querySelector("[data-live]")) return;
    isAsking = true;
    try {
      await ask();
    } catch {
      trouble("Mirrorpoint does not answer");
    } finally {
      isAsking = false;
    }
  };

  const ask = async () => {
    const asked = document.querySelector("[data-poll]");
    const headers = { Accept: "text/html", ...(tag && { "If-None-Match": tag }) };
    const signal = AbortSignal.timeout(PATIENCE);
    const answer = await fetch(asked ? asked.dataset.poll : location.href, { headers, cache: "no-store", signal });
    if (answer.redirected || answer.status === 401) return trouble("You are signed out, open the page anew");
    if (answer.status !== 304 && !answer.ok) return trouble("This could not be brought up to date");
    const text = await answer.text();
    noTrouble();
    if (answer.status === 304) return;
    const page = new DOMParser().parseFromString(text, "text/html");
    takeClock(page);
    const sentence = document.querySelector("[data-said]");
    const before = sentence && sentence.dataset.said;
    let isWhole = true;
    for (const fresh of page.querySelectorAll("[data-live][id]")) {
      if (fresh.parentElement.closest("[data-live]")) continue;
      const old = document.getElementById(fresh.id);
      if (old && !replace(old, document.importNode(fresh, true))) isWhole = false;
    }
    tag = isWhole ? answer.headers.get("ETag") : null; // what was held back is asked for again
    document.title = page.title;
    const now = document.querySelector("[data-said]");
    if (now && now.dataset.said !== before) say(now.textContent);
    filterAll();
    growAges();
  };

  // While the page cannot be brought up to date, that is the headline: what was said there may not be true any more.
  const trouble = (what) => {
    const text = `${what}: what stands here is of ${upToDate}.`;
    const shown = document.getElementById("trouble");
    if (shown && shown.textContent === text) return;
    const at = document.createElement("time");
    at.textContent = upToDate;
    const sentence = document.querySelector("h1[data-said]");
    const told = document.createElement(sentence ? "h1" : "p");
    told.id = "trouble";
    told.className = sentence ? "bad" : "note bad";
    told.append(`${what}: what stands here is of `, at, ".");
    if (shown) shown.replaceWith(told);
    else document.getElementById("main").prepend(told);
    if (sentence) sentence.hidden = true;
    said = said || document.title;
    document.title = text;
    say(text);
  };

  const noTrouble = () => {
    upToDate = written(clock());
    const shown = document.getElementById("trouble");
    if (!shown) return;
    shown.remove();
    document.title = said;
    said = "";
    const sentence = document.querySelector("h1[data-said]");
    if (sentence) sentence.hidden = false;
    say(sentence ? sentence.textContent : "This is up to date again.");
  };

  const filterAll = () => {
    for (const form of document.querySelectorAll("[data-filter]")) {
      const wanted = form.querySelector("input").value.trim().toLowerCase();
      const place = document.querySelector(form.dataset.filter);
      for (const row of place.querySelectorAll("[data-name]")) {
        row.hidden = wanted !== "" && !row.textContent.toLowerCase().includes(wanted);
      }
      for (const fold of place.querySelectorAll("details")) {
        if (wanted && fold.querySelector("[data-name]:not([hidden])")) fold.open = true;
      }
    }
  };

  const begin = () => {
    takeClock(document);
    upToDate = written(clock());
    for (const form of document.querySelectorAll("[data-filter]")) {
      form.addEventListener("submit", (event) => event.preventDefault());
      form.addEventListener("input", filterAll);
    }
    // A form is sent once, however often its button is pressed.
    document.addEventListener("submit", (event) => {
      const form = event.target;
      if (form.method !== "post") return;
      if (form.dataset.isSent) event.preventDefault();
      form.dataset.isSent = "yes";
    });
    filterAll();
    setInterval(growAges, 1000);
    setInterval(bringUpToDate, EVERY);
    document.addEventListener("visibilitychange", bringUpToDate);
  };

  begin();
})();
