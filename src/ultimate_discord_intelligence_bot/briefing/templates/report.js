"use strict";
(() => {
  const audio = document.getElementById("audio");
  const transcript = document.getElementById("transcript");
  const segments = [...transcript.querySelectorAll(".seg")];
  const starts = segments.map((segment) => Number(segment.dataset.t));
  const chapters = [...document.querySelectorAll(".chapters a")];
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;

  /** Index of the last start that is not after a time, or -1. */
  const lastBefore = (times, seconds) => {
    let low = 0;
    let high = times.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (times[middle] <= seconds + 0.05) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  };

  const inView = (element) => {
    const box = element.getBoundingClientRect();
    return box.bottom > 0 && box.top < innerHeight;
  };

  if (audio) {
    transcript.classList.add("live");
    transcript.querySelector(".hint").hidden = false;
    const now = document.getElementById("now");
    const head = document.getElementById("head");
    const chapterStarts = chapters.map((chapter) => Number(chapter.dataset.t));
    let current = null;
    let chapter = null;

    const seek = (seconds, play) => {
      audio.currentTime = seconds;
      if (play) audio.play().catch(() => {});
      else show();
    };

    const show = () => {
      const next = segments[lastBefore(starts, audio.currentTime)] || null;
      if (next !== current) {
        const follow = current && inView(current) && !audio.paused;
        if (current) {
          current.classList.remove("current");
          current.removeAttribute("aria-current");
        }
        current = next;
        if (current) {
          current.classList.add("current");
          current.setAttribute("aria-current", "true");
          if (follow) current.scrollIntoView({ block: "nearest", behavior: calm ? "auto" : "smooth" });
        }
      }
      const entered = chapters[lastBefore(chapterStarts, audio.currentTime)] || null;
      if (entered !== chapter) {
        if (chapter) chapter.removeAttribute("aria-current");
        chapter = entered;
        if (chapter) chapter.setAttribute("aria-current", "true");
        now.textContent = chapter ? chapter.textContent.trim() : "";
        now.hidden = !chapter;
      }
      if (head && audio.duration) head.setAttribute("width", String((1000 * audio.currentTime) / audio.duration));
    };

    for (const name of ["timeupdate", "seeked", "play"]) audio.addEventListener(name, show);

    document.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
      const link = event.target.closest("a");
      const place = link ? link.closest("a[data-t]") : event.target.closest(".seg");
      if (!place || (!link && !getSelection().isCollapsed)) return;
      if (place.closest(".seg")) event.preventDefault();
      seek(Number(place.dataset.t), true);
    });

    const fromAddress = () => {
      const match = /^#t=(\d+(?:\.\d+)?)$/.exec(location.hash);
      if (!match) return;
      const seconds = Number(match[1]);
      const go = () => seek(seconds, false);
      if (audio.readyState > 0) go();
      else audio.addEventListener("loadedmetadata", go, { once: true });
      const segment = segments[lastBefore(starts, seconds)];
      if (segment) segment.scrollIntoView({ block: "center" });
    };
    addEventListener("hashchange", fromAddress);
    fromAddress();
  }

  const find = document.getElementById("find");
  const only = document.getElementById("only");
  const found = document.getElementById("found");
  const texts = segments.map((segment) => segment.querySelector(".words").textContent.toLocaleLowerCase());

  const filter = () => {
    const wanted = find.value.toLocaleLowerCase().split(/\s+/).filter(Boolean);
    const claims = Boolean(only && only.checked);
    let shown = 0;
    segments.forEach((segment, index) => {
      const fits = wanted.every((word) => texts[index].includes(word)) && (!claims || segment.querySelector("mark") !== null);
      segment.hidden = !fits;
      if (fits) shown += 1;
    });
    for (const group of transcript.querySelectorAll(".turn, .passage")) {
      group.hidden = !group.querySelector(".seg:not([hidden])");
    }
    const active = wanted.length > 0 || claims;
    found.textContent = active ? `${shown} of ${segments.length} sentences` : "";
  };
  transcript.querySelector(".tools").hidden = false;
  find.addEventListener("input", filter);
  if (only) only.addEventListener("change", filter);
})();
